"""What lesson 08's README says of the wire, and of what breaks, is so."""

import re
from pathlib import Path

import pytest
from broken_08 import LESSON, MUTANTS
from laws_08 import LAWS, ROOM

from cable import cable
from processes import Server, run, serving
from wire import ENOUGH
from workshop.breaks import Edit, edited

README = (LESSON / "README.md").read_text(encoding="utf-8")
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize(("edit", "verdict", "law"), MUTANTS)
def test_what_breaks_a_law_is_named(
    edit: Edit, verdict: str, law: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    laws = [one for one in LAWS if one.__name__.startswith(f"law_{law}_")]
    server = Server(edited(LESSON, tmp_path, edit), *ROOM)
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
