"""What lesson 09's README says of the wire, of the show, and of what breaks, is so."""

import re
import sys

from broken_09 import LESSON

from cable import cable
from processes import ROOT, run, serving, speaking

README = (LESSON / "README.md").read_text(encoding="utf-8")
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)
SHOWN = re.search(r"```text\n(.*?)```", README, re.DOTALL)


def test_the_show_ends_as_it_should_and_as_shown() -> None:
    assert SHOWN
    code, output = run(ROOT, "-m", "workshop", "09")
    assert code == 0, output
    assert output.splitlines()[-1] == "show    each act ended as it should"
    proven = [line for line in output.splitlines() if line.startswith("client  proven")]
    assert list(map(numberless, proven)) == list(map(numberless, SHOWN[1].splitlines()))
    assert "Traceback" not in output


def numberless(line: str) -> str:
    return re.sub(r"\d+ (of them|steps are)", r"N \1", line)


def test_the_frames_are_those_of_a_run() -> None:
    assert FRAMES
    with serving(LESSON, "--retry", "500") as server, cable(server.port) as line:
        url = f"http://127.0.0.1:{line.port}/mcp"
        flags = ("--url", url, "--steps", "8", "--seconds", "2")
        with speaking(LESSON, sys.executable, "client.py", *flags) as client:
            client.wait_for("^live +4 of 8")
            line.cut()
            assert client.finish() == 0, client.output
        carried = same_each_time(line.carried.decode())
    position = 0
    for shown in same_each_time(FRAMES[1]).splitlines():
        found = carried.find(shown, position)
        assert found >= 0, f"{shown}\n{carried}"
        position = found + len(shown)


def same_each_time(frames: str) -> str:
    frames = re.sub(r"\b[0-9a-f]{8}-2-", "STREAM-", frames)
    frames = re.sub(r'"build-[0-9a-f]{12}"|"build":"[0-9a-f]{8}"', "BUILD", frames)
    return re.sub(r'"elapsed":[\d.]+', '"elapsed":N', frames)
