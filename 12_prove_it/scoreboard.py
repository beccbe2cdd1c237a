"""The scoreboard: puts the laws to each of the well-known servers, and makes a table of the verdicts.

uv run scoreboard.py                    all of them; some minutes
uv run scoreboard.py sdk typescript     only these
uv run scoreboard.py --write            and the table in README.md made anew
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from laboratory.well_known import HERE, PEERS, Peer, running
from tasks_era.lab import MODERN

BOARDS = list(dict.fromkeys(peer.board for peer in PEERS.values()))
TIME_LIMIT = "600"  # seconds for each; a busy machine needs more than the usual
console = Console(highlight=False, soft_wrap=True)


class Check(BaseModel):
    law: int
    name: str
    weight: str
    outcome: str
    verdict: str | None


class Result(BaseModel):
    seconds: float
    seed: int
    checks: list[Check]
    unfit: str | None = None  # why nothing was asked

    def cell(self, law: int) -> str:
        """The verdicts on one law, each once, a SHOULD in brackets; or how many of its questions held."""
        if self.unfit:
            return "not asked"
        checks = [check for check in self.checks if check.law == law]
        verdicts = [f"({c.verdict})" if c.weight == "SHOULD" else c.verdict for c in checks if c.verdict]
        if verdicts:
            return ", ".join(dict.fromkeys(verdicts))
        if not checks:
            return ""
        held = sum(check.outcome == "holds" for check in checks)
        if held == len(checks):
            return "holds"
        unknown = any(check.outcome == "unknown" for check in checks)
        return f"{'unknown' if unknown else 'holds'}, {held} of {len(checks)}" if held else checks[0].outcome


@dataclass
class Row:
    peer: Peer
    version: str
    command: str
    result: Result


def prove(peer: Peer, url: str, seed: int) -> tuple[Result, str]:
    arguments = json.dumps(peer.arguments)
    options = ["--tool", peer.tool, "--seed", str(seed), "--time-limit", TIME_LIMIT]
    options += ["--era", peer.era] if peer.era == MODERN else ["--args", arguments]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "client.py", url, *options, "--json", str(file)],
            cwd=HERE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not file.exists():
            raise ChildProcessError(ran.stdout.strip() or "the checker wrote nothing")
        return Result.model_validate_json(file.read_text("utf-8")), shlex.join(
            ["uv", "run", "client.py", "URL", *options]
        )


def as_table(rows: dict[str, Row]) -> Table:
    shown = Table(title=f"verdicts, {datetime.now(UTC):%d %B %Y}")
    shown.add_column("law")
    for name in rows:
        shown.add_column(name)
    for law in range(1, 11):
        shown.add_row(str(law), *(row.result.cell(law) for row in rows.values()))
    return shown


def as_markdown(rows: dict[str, Row]) -> str:
    """The table of the README: a line for each law, a column for each peer, and what each is."""
    lines = [f"Made by `uv run scoreboard.py --write`, {datetime.now(UTC):%d %B %Y}.", ""]
    lines.append("| law | " + " | ".join(rows) + " |")
    lines.append("| --- " * (len(rows) + 1) + "|")
    for law in range(1, 11):
        lines.append(f"| {law} | " + " | ".join(row.result.cell(law) for row in rows.values()) + " |")
    lines += ["", "| column | server | versions | asked with |", "| --- | --- | --- | --- |"]
    for name, row in rows.items():
        what = f"{row.peer.what}. Not asked: {row.result.unfit}" if row.result.unfit else row.peer.what
        lines.append(f"| {name} | {what} | {row.version} | `{row.command}` |")
    return "\n".join(lines)


def write(board: str, rows: dict[str, Row]) -> None:
    readme = HERE / "README.md"
    begin, end = f"<!-- scoreboard {board}: uv run scoreboard.py --write -->", f"<!-- end of {board} -->"
    before, _, rest = readme.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    readme.write_text(f"{before}{begin}\n{as_markdown(rows)}\n{end}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Puts the laws of resumption to well-known servers.")
    parser.add_argument("peers", nargs="*", metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="make the table in README.md anew")
    flags = parser.parse_args()
    if unknown := [name for name in flags.peers if name not in PEERS]:
        parser.error(f"there is no {unknown[0]!r}, but {', '.join(PEERS)}")
    rows: dict[str, Row] = {}
    for name in flags.peers or PEERS:
        peer = PEERS[name]
        console.print(f"{name}: {peer.what}", style="cyan", markup=False)
        try:
            with running(name) as (url, version):
                result, command = prove(peer, url, flags.seed)
        except (OSError, subprocess.CalledProcessError) as error:
            console.print(f"  could not be tried: {error}", style="bold red", markup=False)
            continue
        rows[name] = Row(peer, version, command, result)
        console.print(f"  {version}; {result.seconds:g} s; {command}", markup=False)
    for board in BOARDS:
        if found := {name: row for name, row in rows.items() if row.peer.board == board}:
            console.print(as_table(found))
            if flags.write:
                write(board, found)
    return 0 if len(rows) == len(flags.peers or PEERS) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
