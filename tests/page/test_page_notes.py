"""Each lesson has notes for its host, which can be read, and which ask for facts that there are."""

import re
from pathlib import Path

import pytest

from processes import ROOT
from workshop.wire.notes import read

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))
SOURCES = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "workshop" / "wire").glob("*.py")
)  # where facts are told


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_the_notes_of_a_lesson(lesson: Path) -> None:
    notes = read(lesson)
    assert len(notes.step) >= 4, "write wire.toml"
    for step in notes.step:
        assert f'"{step.when["kind"]}"' in SOURCES, step.when
        for wanted in step.when.values():
            if isinstance(wanted, str):
                re.compile(wanted)
        assert len(step.title) < 60, step.title
        assert len(step.text) < 140, step.text
