"""`--wire`: the lanes on a terminal, in 80 columns, and plain in a pipe."""

import asyncio
import io
import re

from rich.console import Console

from processes import ROOT, run
from workshop.wire.record import Record
from workshop.wire.terminal import Lanes, draw

COLUMNS = 80


def test_a_lesson_in_a_pipe() -> None:
    quick = ("--", "--interval", "0.1", "--away", "0.6")
    code, output = run(ROOT, "-m", "workshop", "07", "--wire", *quick)
    assert code == 0
    assert "\x1b" not in output
    lines = output.splitlines()
    assert all(len(line) <= COLUMNS for line in lines), max(lines, key=len)
    cut = next(line for line in lines if "✕" in line and "cut by the client after" in line)
    back = next(line for line in lines if "GET Last-Event-ID" in line)
    assert lines.index(back) > lines.index(cut)
    named = re.search(r"Last-Event-ID: (\S+) ↑(\d+\.\d{3})", back)
    assert named
    named_line = next(line for line in lines if f" {named[1]} " in line and "●" in line)
    assert named_line.split()[0] == named[2]
    missed = re.search(r"(\d+) came that the server had kept meanwhile", output)
    assert missed
    assert sum("■" in line and "log: number" in line for line in lines) == int(missed[1])
    assert "proven 10 of 10 came" in re.sub(r"\s+", " ", output)


def test_more_connections_than_columns_and_a_console_without_these_signs() -> None:
    record = Record()
    record.add(0, "program", p=1, whose="client", side="client", arguments=["client.py"])
    for number in range(1, 30):
        record.add(0, "opened", c=number, p=1, to=80)
        record.add(
            0, "request", c=number, r=number, method="GET", path="/", headers=[], body="", text="x" * 200
        )
    for number in range(1, 30):
        record.add(0, "closed", c=number, by="client", how="end")
    lanes = Lanes(COLUMNS)
    drawn = [line.plain for fact in record.facts for line in lanes.lines(fact)]
    assert len(drawn) == 30
    assert all(len(line) <= COLUMNS for line in drawn)
    record.add(0, "over", code=0)
    old = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    asyncio.run(draw(record, Console(file=old, width=COLUMNS)))
    old.flush()
