"""What lesson 10's README says of the wire, of the SDK and of what breaks, is so."""

import re
import sys
from pathlib import Path

import pytest
from broken_10 import LESSON
from wire_10 import Session, read_events, read_to_the_end

from cable import cable
from processes import run, serving, speaking
from workshop.breaks import edited, read

README = (LESSON / "README.md").read_text(encoding="utf-8")
ENOUGH = 400  # seconds for a show on a busy machine; only what hangs uses them up
FRAMES = re.search(r"```http\n.*?\n\n.*?\n\n(.*?)```", README, re.DOTALL)
SDK = re.search(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_table_of_the_trick_is_there() -> None:
    """`test_10_runs.py` runs it."""
    assert "| `--protocol 2025-06-18` | twice, said aloud | once |" in README
    assert "| `--protocol 2025-11-25` | once | once |" in README


SHOWN = {0: "broken: ", 2: "broken: this run should have ended", 5: "broken: "}  # rows of `breaks.toml`


@pytest.mark.timeout(ENOUGH)
@pytest.mark.parametrize("row", SHOWN)
def test_the_show_fails_when_the_lesson_is_broken(row: int, tmp_path: Path) -> None:
    """Nothing replayed, another call's answer, two runs of the tool mixed: none of them is a good end."""
    (edit,) = read(LESSON)[row].edits
    copy = edited(LESSON, tmp_path, edit)
    code, output = run(copy, "show.py", "--delay", "1.2", patience=ENOUGH)
    assert code == 1, output
    assert SHOWN[row] in output


def same_each_time(frames: str) -> str:
    return re.sub(r"\b[0-9a-f]{8}-", "SESSION-", frames)


def test_the_frames_are_those_of_a_run_and_the_sdk_client_resumes_by_itself(tmp_path: Path) -> None:
    """One server, since both take their time."""
    assert FRAMES
    assert SDK
    program = tmp_path / "sdk.py"
    with serving(LESSON) as server, cable(server.port) as line:
        program.write_text(SDK[1].replace(":8000/", f":{line.port}/"), encoding="utf-8")
        with speaking(tmp_path, sys.executable, str(program)) as client:
            client.wait_for("station 1 of 6")
            line.cut()
            server.wait_for("resumed after")
            session = Session(server.port)
            with session.call("Lisbon") as called:
                cursor = read_events(called, 1)[0].id
            with session.resume(cursor) as resumed:
                read_to_the_end(resumed)
                carried = same_each_time(resumed.body.decode().replace("\r\n", "\n"))
            assert client.finish() == 0, client.output
        assert re.findall(r"station (\d) of 6", client.output) == list("123456")
        assert "'city': 'Lisbon'" in client.output
        assert "run 3" not in server.output
    for shown in same_each_time(FRAMES[1]).strip().split("\n\n"):
        assert shown + "\n" in carried, shown
