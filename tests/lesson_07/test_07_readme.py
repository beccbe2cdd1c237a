"""What lesson 07's README says of the wire is so."""

import re
from pathlib import Path

import pytest
from broken_07 import LESSON

from cable import cable
from processes import ROOT, run, serving

README = (LESSON / "README.md").read_text(encoding="utf-8")
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)


def test_the_frames_are_those_of_a_run() -> None:
    assert FRAMES
    with serving(LESSON, "--retry", "500") as server, cable(server.port) as line:
        code, _ = run(LESSON, "client.py", "--url", f"http://127.0.0.1:{line.port}/mcp")
        assert code == 0
        carried = same_each_time(line.carried.decode())
    position = 0
    for shown in same_each_time(FRAMES[1]).splitlines():
        found = carried.find(shown, position)
        assert found >= 0, shown
        position = found + len(shown)


def same_each_time(frames: str) -> str:
    frames = re.sub(r"\b[0-9a-f]{32}\b", "SESSION", frames)
    frames = re.sub(r"\b[0-9a-f]{8}-", "STREAM-", frames)
    return re.sub(r'"elapsed":[\d.]+', '"elapsed":N', frames)


READ = [
    path.parent for path in sorted(ROOT.glob("*/README.md")) if re.match("07|08|09|10|12", path.parent.name)
]
PROSE = 1100  # words: two screens


@pytest.mark.parametrize("lesson", READ, ids=lambda lesson: lesson.name[:2])
def test_the_files_to_read_have_so_many_lines(lesson: Path) -> None:
    rows = re.findall(
        r"^\| \d \| `([\w/]+\.py)` \|.*\| (\d+) \| \d+ \|$", (lesson / "README.md").read_text("utf-8"), re.M
    )
    assert len(rows) >= 5
    for file, lines in rows:
        there = len((lesson / file).read_text(encoding="utf-8").splitlines())
        assert abs(there - int(lines)) <= 0.1 * there, f"{file} has {there} lines"


@pytest.mark.parametrize("lesson", READ[:4], ids=lambda lesson: lesson.name[:2])
def test_a_readme_is_read_on_two_screens(lesson: Path) -> None:
    """Its prose: what is not output, code or a table. Lesson 12's is also a manual, and longer."""
    text = re.sub(r"^```.*?^```$", "", (lesson / "README.md").read_text("utf-8"), flags=re.M | re.DOTALL)
    prose = [word for line in text.splitlines() if not line.startswith("|") for word in line.split()]
    assert len(prose) <= PROSE, f"{len(prose)} words"
