"""The benchmarks run, and show every contender and every ratio; how quick they are, no test asks."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from processes import ROOT, run

BENCHMARKS = ROOT / "benchmarks"
IN_THE_PROJECT = ["bare deque", "lesson 07", "SDK example store"]
SERVERS = ["lesson 07", "SDK server", "bare uvicorn, one send each", "bare uvicorn, one write"]
FROM_OUTSIDE = ["rest_framework_mcp", "fastmcp"]
CELL = r"[\d.,]+ \([\d.,]+x\)"


def rows(output: str, title: str) -> dict[str, str]:
    """The rows of a table: from the line under its head to the next empty line."""
    lines = iter(line.strip() for line in output.partition(title)[2].splitlines())
    while not next(lines).startswith("───"):
        pass
    table = [re.split(r"\s{2,}", line, maxsplit=1) for line in iter(lambda: next(lines), "")]
    return {line[0]: line[1] for line in table}


def test_each_contender_has_each_number_and_its_ratio(tmp_path: Path) -> None:
    picture = tmp_path / "replay.svg"
    code, output = run(BENCHMARKS, "replay.py", "--quick", "--save-svg", str(picture))
    assert code == 0, output
    stores, servers = rows(output, "Stores"), rows(output, "Servers")
    assert list(stores) == IN_THE_PROJECT, output
    assert list(servers) == SERVERS, output
    for cells in (*stores.values(), *servers.values()):
        assert len(re.findall(CELL, cells)) == 4, output
    bars = rows(output, "Bars")
    assert len(bars) == 9, output
    for cells in bars.values():
        assert re.fullmatch(r"[\d.,]+\s+at (most|least) [\d.]+\s+(met|missed)", cells), output
    shown = "\n".join(ElementTree.parse(picture).getroot().itertext())  # noqa: S314 (our own file)
    for name in {*IN_THE_PROJECT, *SERVERS}:
        assert name in shown
    readme = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    for name in (*IN_THE_PROJECT, *SERVERS, *FROM_OUTSIDE, *bars):
        assert name in readme, name


def test_the_window_has_each_number_and_loses_nothing() -> None:
    code, output = run(BENCHMARKS, "window.py", "--quick")
    assert code == 0, output
    stores = rows(output, "Stores")
    assert list(stores) == ["bare deque", "lesson 07", "lesson 08", "lesson 09"], output
    for name, cells in stores.items():
        by_age = name in ("bare deque", "lesson 09")
        assert len(re.findall(CELL, cells)) == 4 + by_age, output
        assert ("by number only" in cells) != by_age, output
    assert len(rows(output, "A full window")) == 3, output  # one size with two lengths of message
    if sys.platform == "linux":
        weights = rows(output, "Memory of the servers")
        assert list(weights) == ["lesson 08", "lesson 09"], output
        for cells in weights.values():
            assert len(re.findall(r"[\d.]+", cells)) == 2 + 5, output
    herd = rows(output, "A herd")
    assert list(herd) == ["no jitter", "jitter of 1 s"], output
    for cells in herd.values():
        assert cells.split()[-1] == "0", output
