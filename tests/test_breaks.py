"""What breaks a lesson stands once, in its `breaks.toml`: the README shows it, `workshop break` tries it."""

import re
import sys
from pathlib import Path

import pytest

from processes import ROOT, run
from workshop.breaks import Row, read

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/breaks.toml"))
ROWS = [(lesson, number) for lesson in LESSONS for number in range(1, len(read(lesson)) + 1)]
WORKSHOP = ("workshop/__main__.py",)
PATIENCE = 150.0  # seconds; only what hangs uses them up


@pytest.mark.parametrize(("lesson", "number"), ROWS, ids=lambda part: str(getattr(part, "name", part))[:2])
def test_each_row_does_what_it_says(lesson: Path, number: int) -> None:
    if sys.platform == "win32" and lesson.name.startswith("11"):
        pytest.skip("Windows cannot kill a worker by its id")
    code, output = run(ROOT, *WORKSHOP, "break", lesson.name, str(number), patience=PATIENCE)
    assert code == 0, output
    assert re.search("^break   (the client says|lesson 12's checker calls)", output.splitlines()[-1]), output
    assert "Traceback" not in output


def test_the_checker_finds_it_too() -> None:
    code, output = run(ROOT, *WORKSHOP, "break", "07", "3", "checker", patience=PATIENCE)
    assert code == 0, output
    assert re.match("break   lesson 12's checker calls it .*doubled", output.splitlines()[-1]), output
    refused = run(ROOT, *WORKSHOP, "break", "09", "1", "checker")
    assert refused == (1, "workshop Lesson 12's checker is not asked about row 1.")


def cell(code: str) -> str:
    """Code on one line: a new line is ⏎, and the indent of the first one is no matter."""
    lines = code.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "`" + " ⏎ ".join(line[indent:].rstrip() for line in lines) + "`"


def table_row(number: int, row: Row) -> str:
    (edit,) = row.edits
    said = row.says and re.sub(r"^\^(\w+ [+.*]+)?", "", row.says)  # without the line's first word
    words = [f"`{word}`" for word in ([said] if said else []) + [v for v in row.verdicts if v != said]]
    laws = ", ".join(map(str, row.laws))
    cells = (str(number), row.title, f"`{edit.file}`", cell(edit.old), cell(edit.new), ", ".join(words), laws)
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name[:2])
def test_the_readme_shows_the_rows(lesson: Path) -> None:
    rows = [table_row(number, row) for number, row in enumerate(read(lesson), 1)]
    text = (lesson / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Break it")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if re.match(r"\| \d+ ", line)] == rows, "\n".join(rows)


def test_it_lists_the_rows_and_knows_no_others() -> None:
    code, output = run(ROOT, *WORKSHOP, "break", "07")
    assert code == 0
    assert re.search("^6  Keep two events", output, re.MULTILINE), output
    code, output = run(ROOT, *WORKSHOP, "break", "07", "77")
    assert code == 1
    assert output == "workshop There is no row '77'. There are: 1 to 6."
    assert run(ROOT, *WORKSHOP, "break", "12") == (1, "workshop Lesson 12 has nothing to break.")
