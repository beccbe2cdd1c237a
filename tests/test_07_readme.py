"""What lesson 07's README says of the wire, and of what breaks, is so."""

import re
from pathlib import Path

import pytest

from broken_07 import LESSON, Edit, edited_copy
from cable import cable
from processes import ROOT, run, serving

README = (LESSON / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+\.py)` \| `(.+?)` \| `(.+?)` \| `(.+?)` \| (.+?) \| (\d+) \|$", re.MULTILINE)
TABLE = ROW.findall(README)
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)
QUICK = ("--interval", "0.05", "--away", "0.25", "--patience", "2")
CHECKER = ROOT / "12_prove_it"
SLOW, FAST = '{"count": 8, "interval": 0.05}', '{"count": 400, "interval": 0.002}'
ASK = (
    "--tool",
    "send_burst",
    "--args",
    SLOW,
    "--fast-args",
    FAST,
    "--quiet",
    "0.5",
    "--patience",
    "2",
)
OFTEN = 4  # a seed may miss what is a matter of moments


def test_the_table_is_read_whole() -> None:
    assert len(TABLE) == len(re.findall(r"^\| `\w+\.py` \|", README, re.MULTILINE))


@pytest.mark.parametrize(("file", "old", "new", "says", "verdicts", "law"), TABLE)
def test_break_it(file: str, old: str, new: str, says: str, verdicts: str, law: str, tmp_path: Path) -> None:
    source = (LESSON / file).read_text(encoding="utf-8")
    indent = re.search(rf"^( *).*{re.escape(old)}", source, re.MULTILINE)
    assert indent
    broken = edited_copy(LESSON, tmp_path, Edit(file, old, new.replace(" ⏎ ", f"\n{indent[1]}")))
    with serving(broken, "--retry", "100") as server:
        code, output = run(broken, "client.py", "--url", server.url, *QUICK)
        assert code == 1, output
        assert re.search(rf"^(failed|refused) +{says}", output, re.MULTILINE), output
        for _ in range(OFTEN):
            code, output = run(CHECKER, "client.py", server.url, *ASK, "--law", law)
            if code:
                break
        assert code == 1, output
        found = set(re.findall(r"^law \d+, .*: (\S+)$", output, re.MULTILINE))
        assert found
        assert found <= set(re.findall(r"`(\S+)`", verdicts)), output


def test_the_frames_are_those_of_a_run() -> None:
    assert FRAMES
    with serving(LESSON) as server, cable(server.port) as line:
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
