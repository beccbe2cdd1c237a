"""The scoreboard: judges each of the well-known clients, and makes a table of the verdicts.

uv run scoreboard.py                  all of them; half an hour, since what hangs takes its time
uv run scoreboard.py --kept FOLDER    only those whose result is not in the folder yet
uv run scoreboard.py --write          and the table in README.md made anew
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from rich.console import Console

from judging.judge import CASES, Case, Order, Report, examine
from judging.report import as_json
from judging.starting import starter
from well_known import HERE, PEERS, command, install, version

MARKS = ("<!-- scoreboard: uv run scoreboard.py --write -->", "<!-- end of scoreboard -->")
LIMIT = 75.0  # seconds of silence: longer than the 60 s after which some of them tell their caller
console = Console(highlight=False, soft_wrap=True)


class Check(BaseModel):
    model_config = ConfigDict(extra="allow")  # its evidence, which is kept

    name: str
    weight: str
    outcome: str
    verdict: str | None

    @property
    def cell(self) -> str:
        """The verdict; a SHOULD in brackets."""
        if self.verdict:
            return f"({self.verdict})" if self.weight == "SHOULD" else self.verdict
        return "-" if self.outcome == "not reached" else self.outcome


class Row(BaseModel):
    """What a run has found, as it is kept."""

    version: str = ""
    seconds: float
    checks: list[Check]

    def cell(self, case: str) -> str:
        return next((check.cell for check in self.checks if check.name == case), "-")

    def count(self, outcome: str) -> int:
        return sum(check.outcome == outcome for check in self.checks)


async def judge(words: list[str], seed: int, cases: list[Case], at_once: int) -> Row:
    report = Report(words[1], seed, "uv run server.py -- COMMAND")
    order = Order(seed, cases, time_limit=LIMIT, at_once=at_once, two_calls="{calls}" in words)
    await examine(starter(words), order, report, lambda: None)
    return Row.model_validate_json(as_json(report))


def load(file: Path) -> Row | None:
    return Row.model_validate_json(file.read_text(encoding="utf-8")) if file.exists() else None


async def result(kept: Row | None, words: list[str], flags: argparse.Namespace) -> Row:
    """What is unknown, since the machine was busy, is asked once more, one by one."""
    row = kept or await judge(words, flags.seed, CASES, flags.at_once)
    doubtful = {check.name for check in row.checks if check.outcome == "unknown"} | set(flags.case)
    if doubtful:
        again = await judge(words, flags.seed, [case for case in CASES if case.name in doubtful], 1)
        better = {check.name: check for check in again.checks if check.name in doubtful}
        row.checks = [better.get(check.name, check) for check in row.checks]
    return row


def as_markdown(rows: dict[str, Row]) -> str:
    """A line for each case that somebody does not hold, a column for each client, and what each is."""
    lines = [f"Made by `uv run scoreboard.py --write`, {datetime.now(UTC):%d %B %Y}.", ""]
    lines += ["| case | weight | " + " | ".join(rows) + " |", "| --- " * (len(rows) + 2) + "|"]
    all_hold = 0
    for case in CASES:
        cells = [row.cell(case.name) for row in rows.values()]
        if set(cells) <= {"holds"}:
            all_hold += 1
        else:
            lines.append(f"| {case.name} | {case.weight} | " + " | ".join(cells) + " |")
    lines += ["", f"All of them hold the other {all_hold} cases.", ""]
    lines += ["| column | client | versions | holds | broken |", "| --- | --- | --- | --- | --- |"]
    for name, row in rows.items():
        counts = f"{row.count('holds')} | {row.count('broken')}"
        lines.append(f"| {name} | {PEERS[name].what} | {row.version} | {counts} |")
    return "\n".join(lines)


def write_table(rows: dict[str, Row]) -> None:
    readme = HERE / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    readme.write_text(f"{before}{MARKS[0]}\n{as_markdown(rows)}\n{MARKS[1]}{after}", encoding="utf-8")


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Judges well-known MCP clients.")
    add = parser.add_argument
    add("peers", nargs="*", metavar="NAME", help=", ".join(PEERS))
    add("--seed", type=int, default=1, help="of all that is random (default: %(default)s)")
    add("--at-once", type=int, default=6, help="programs at the same time (default: %(default)s)")
    add("--kept", type=Path, metavar="FOLDER", help="where results are kept, with their evidence")
    add("--case", action="append", default=[], metavar="NAME", help="ask this case again")
    add("--write", action="store_true", help="make the table in README.md anew")
    flags = parser.parse_args()
    if unknown := [name for name in flags.peers if name not in PEERS]:
        parser.error(f"there is no {unknown[0]!r}, but {', '.join(PEERS)}")
    return flags


async def main() -> int:
    flags = parse_flags()
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        kept: Path = flags.kept or folder
        try:
            program = await asyncio.to_thread(install, folder)
            for name in flags.peers or PEERS:
                console.print(f"{name}: {PEERS[name].what}", style="cyan", markup=False)
                file = kept / f"{name.replace(' ', '-')}.json"
                row = rows[name] = await result(load(file), command(PEERS[name], folder, program), flags)
                row.version = version(PEERS[name], folder)
                file.write_text(row.model_dump_json(indent=1), encoding="utf-8")
                console.print(f"  {rows[name].version}; {rows[name].seconds:.0f} s", markup=False)
        except (OSError, subprocess.CalledProcessError) as error:
            console.print(f"could not be tried: {error}", style="bold red", markup=False)
    console.print(as_markdown(rows), markup=False)
    complete = len(rows) == len(flags.peers or PEERS)
    if flags.write and complete:
        write_table(rows)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(run(main()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
