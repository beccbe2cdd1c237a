"""What lesson 10's README says of the wire, of the SDK and of what breaks, is so."""

import re
import sys
import time
from pathlib import Path

import pytest

from broken_07 import Edit, edited_copy
from broken_10 import LESSON
from cable import cable
from processes import run, serving, speaking
from wire_10 import Session, read_events, read_to_the_end

README = (LESSON / "README.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| `(\w+\.py)` \| `(.+?)` \| `(.+?)` \| (?:`(.*?)`)?(?: instead)? *\| `(.+?)` \| [\d, ]+ \|$",
    re.MULTILINE,
)
TABLE = [
    (Edit(file, old, new), flags.split(), verdict) for file, old, new, flags, verdict in ROW.findall(README)
]
FRAMES = re.search(r"```http\n.*?\n\n.*?\n\n(.*?)```", README, re.DOTALL)
SDK = re.search(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_tables_are_read_whole() -> None:
    assert len(TABLE) == len(re.findall(r"^\| `\w+\.py` \|", README, re.MULTILINE)) == 6
    assert "| `--protocol 2025-06-18` | twice, said aloud | once |" in README
    assert "| `--protocol 2025-11-25` | once | once |" in README


@pytest.mark.parametrize(("edit", "flags", "verdict"), TABLE, ids=lambda value: getattr(value, "old", None))
def test_break_it(edit: Edit, flags: list[str], verdict: str, tmp_path: Path) -> None:
    copy = edited_copy(LESSON, tmp_path, edit)
    common = ["client.py", "--cache", str(tmp_path / "cache")]
    with serving(copy, "--delay", "1.5") as server:
        common += ["--url", server.url]
        if flags == ["two_calls.py"]:
            code, output = run(copy, *flags, "--url", server.url)
            assert code == 1
            assert verdict in output
            return
        code, output = run(copy, *common, *flags)
        assert code not in (0, 1), output
        if verdict == "refused   410":
            server.wait_for("ready")  # and all but that is evicted
        elif verdict == "refused   404":
            time.sleep(1)  # ten times what is allowed; the SDK says nothing when it ends a session
        _, output = run(copy, *common)
    assert verdict in output


SHOWN = {0: "broken: ", 2: "broken: this run should have ended", 5: "broken: "}  # rows of the table


@pytest.mark.parametrize("row", SHOWN)
def test_the_show_fails_when_the_lesson_is_broken(row: int, tmp_path: Path) -> None:
    """Nothing replayed, another call's answer, two runs of the tool mixed: none of them is a good end."""
    code, output = run(
        edited_copy(LESSON, tmp_path, TABLE[row][0]), "show.py", "--delay", "1.2", patience=140
    )
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
