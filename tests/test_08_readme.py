"""What lesson 08's README says of the wire, and of what breaks, is so."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from broken_08 import LESSON
from cable import cable
from laws_08 import LAWS, ROOM
from processes import ROOT, Server, run, serving
from wire import ENOUGH
from workshop.breaks import Edit, edited

README = (LESSON / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(\w+\.py)` \| `(.+?)` \| `(.+?)` \| ([\w-]+) \| (\d) \| (checker|tests) \|$", re.MULTILINE
)
TABLE = ROW.findall(README)
CHECKER = ROOT / "12_prove_it"
OFTEN = 4  # a seed may miss what is a matter of moments
SLOW, FAST = (
    '{"interval": 0.05, "count": 8, "caller": "me"}',
    '{"interval": 0.002, "count": 300, "caller": "me"}',
)
ASK = ("--tool", "start-notification-stream", "--args", SLOW, "--fast-args", FAST, "--quiet", "0.4")
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)


def test_the_table_is_read_whole() -> None:
    assert len(TABLE) == len(re.findall(r"^\| `\w+\.py` \|", README, re.MULTILINE))


def test_the_checker_names_what_is_broken(tmp_path: Path) -> None:
    """Side by side, since each mostly waits."""

    def verdicts(place: int, file: str, old: str, new: str, law: str) -> set[str]:
        folder = tmp_path / str(place)
        folder.mkdir()
        server = Server(edited(LESSON, folder, Edit(file, old, new)), "--retry", "100", "--max-events", "900")
        told = ""
        try:
            for _ in range(OFTEN):
                code, told = run(CHECKER, "client.py", server.url, *ASK, "--patience", "3", "--law", law)
                if code:
                    break
        finally:
            server.stop()
        return set(re.findall(r"^law \d+, .*: (\S+)$", told, re.MULTILINE)) or {told}

    asked = [row for row in enumerate(TABLE) if row[1][5] == "checker"]
    with ThreadPoolExecutor(3) as pool:
        told = [pool.submit(verdicts, place, row[0], row[1], row[2], row[4]) for place, row in asked]
    for (_, row), verdict in zip(asked, told, strict=True):
        assert verdict.result() == {row[3]}, row


@pytest.mark.parametrize(
    ("file", "old", "new", "verdict", "law"), [row[:5] for row in TABLE if row[5] == "tests"]
)
def test_what_the_checker_does_not_ask(
    file: str, old: str, new: str, verdict: str, law: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    laws = [one for one in LAWS if one.__name__.startswith(f"law_{law}_")]
    server = Server(edited(LESSON, tmp_path, Edit(file, old, new)), *ROOM)
    said: list[str] = []
    try:
        for one in laws:
            try:
                one(server.port)
            except AssertionError as error:
                said.append(str(error))
    finally:
        server.stop()
    assert [text for text in said if text.startswith(verdict)], said


def test_a_server_that_lets_2026_in_loses_without_a_word(tmp_path: Path) -> None:
    edit = Edit("plumbing/door.py", '"2025-11-25")', '"2025-11-25", "2026-07-28")')
    with serving(edited(LESSON, tmp_path, edit)) as server:
        asked = ("--url", server.url, "--mode", "auto", "--callers", "1", "--interval", "0.02")
        code, output = run(LESSON, "client.py", *asked)
    assert code == 1
    assert "opened with MCP 2026-07-28" in output
    assert "failed    ada: lost" in output


def test_the_frames_are_those_of_a_run() -> None:
    assert FRAMES
    with serving(LESSON) as server, cable(server.port) as line:
        url = f"http://127.0.0.1:{line.port}/mcp"
        code, output = run(LESSON, "client.py", "--url", url, "--callers", "1")
        assert code == 0, output
        carried = same_each_time(line.carried.decode())
    for shown in same_each_time(FRAMES[1]).splitlines():
        assert shown in carried, shown


def same_each_time(frames: str) -> str:
    frames = re.sub(r" *\r?\n", "\n", frames)
    frames = re.sub(r"\b[0-9a-f]{32}\b", "SESSION", frames)
    frames = re.sub(r"\b[0-9a-f]{8}-3-\d+", "STREAM", frames)
    return re.sub(r'"elapsed":[\d.]+', '"elapsed":N', frames)
