"""The gallery: the liar tells every lie, and each has to be caught with its own verdict; honesty has to pass.

matrix  a line for each lie: what it deserves, and what the checker said, with what follows from it
"""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from laboratory.checker import Order, examine
from laboratory.outcomes import UnfitError
from laboratory.peer import LONG, Peer
from laboratory.report import printable
from laboratory.results import Report
from laboratory.tools import Arguments
from liar.lies import LIES, Lie, Told
from tasks_era.checker import examine as examine_tasks
from tasks_era.lab import MODERN, TasksLab
from tasks_era.lies import LIES as TASK_LIES

AT_THE_SAME_TIME = 5
ARGS: Arguments = {"count": 8, "interval": 0.15}
FAST_ARGS: Arguments = {"count": 200, "interval": 0.01}
PATIENCE, QUIET = 1.2, 0.6  # the liar is quick
UNKNOWN = "unknown"
SOMEBODY_ELSE = {"authorization": "Bearer somebody-else"}
Results = dict[str, set[str]]


@asynccontextmanager
async def liar(era: str) -> AsyncGenerator[str]:
    """The server that tells all lies, for as long as it is needed; gives the start of its addresses."""
    here = Path(__file__).parent.parent
    arguments = [sys.executable, str(here / "server.py"), "--port", "0", "--gallery", "--era", era]
    process: Process = await asyncio.create_subprocess_exec(*arguments, stdout=PIPE, stderr=DEVNULL)
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode() if process.stdout else ""
        address = line.strip().removeprefix("listening on ").removesuffix("/mcp")
        if not address.startswith("http"):
            raise UnfitError(f"server.py did not start: {printable(line) or 'it said nothing'}")
        yield address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def try_all(address: str, era: str, seed: int, results: Results, tell: Callable[[], None]) -> None:
    slots = asyncio.Semaphore(AT_THE_SAME_TIME)
    no_reuse = httpx.Limits(max_keepalive_connections=0)
    lies = lies_of(era)

    async def try_one(lie: str, http: httpx.AsyncClient) -> None:
        async with slots:
            url = f"{address}/{lie}/mcp"
            order = Order(
                "count",
                ARGS,
                FAST_ARGS,
                seed,
                quiet=QUIET,
                time_limit=300,
                thorough=0.2,
                side_by_side=4,
                long_args=ARGS,
                sought=frozenset({lies[lie].verdict} - {""}),
            )
            report = Report(url, "count", seed, "")
            peer = Peer(url, http, {}, "2025-11-25", PATIENCE)
            try:
                if era == MODERN:
                    await examine_tasks(TasksLab(peer, "count", SOMEBODY_ELSE), order, report, lambda: None)
                else:
                    await examine(peer, order, report, lambda: None)
            except UnfitError as reason:
                results[lie] = {str(reason)}
            else:
                open_ = report.unknown and not report.verdicts
                results[lie] = report.verdicts or ({UNKNOWN} if open_ else set())
            tell()

    async with httpx.AsyncClient(trust_env=False, timeout=LONG, limits=no_reuse) as http:
        async with asyncio.TaskGroup() as all_:
            for lie in lies:
                all_.create_task(try_one(lie, http))
        for lie in [lie for lie, came in results.items() if came == {UNKNOWN}]:
            await try_one(lie, http)  # the machine was busy: once more, alone


def lies_of(era: str) -> Mapping[str, Told]:
    return TASK_LIES if era == MODERN else LIES


def matrix(results: Results, lies: Mapping[str, Told]) -> Table:
    """A line for each lie, in 80 columns: what it deserves, and what the checker said."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in (("lie", 17), ("deserves", 16), ("the checker says", 44)):
        shown.add_column(name, min_width=width, max_width=width)
    for lie, told in lies.items():
        shown.add_row(lie, told.verdict or "nothing", said(told.verdict, results.get(lie)))
    return shown


def said(deserved: str, came: set[str] | None) -> Text:
    if came is None:
        return Text("...", "dim")
    others = ", ".join(sorted(came - {deserved}))
    if deserved in came or not (deserved or came):
        also = Text(f", and {others}" if others else "", "yellow")
        return Text.assemble((f"caught: {deserved}" if deserved else "passes", "bold green"), also)
    return Text(f"{'MISSED' if deserved else 'FALSE ALARM'}: {others or 'nothing'}", "bold red")


async def run_gallery(era: str, seed: int, console: Console) -> int:
    results: Results = {}
    lies = lies_of(era)
    began = asyncio.get_running_loop().time()
    async with liar(era) as address:
        with Live(console=console, transient=True, auto_refresh=False) as live:

            def tell() -> None:
                if console.is_terminal:
                    live.update(matrix(results, lies), refresh=True)

            await try_all(address, era, seed, results, tell)
    console.print(matrix(results, lies), soft_wrap=False)
    missed = [lie for lie, told in lies.items() if told.verdict and told.verdict not in results[lie]]
    wronged = results[Lie.NONE]
    seconds = asyncio.get_running_loop().time() - began
    caught = len(lies) - 1 - len(missed)
    honest = "is wronged" if wronged else "passes"
    style = "bold red" if missed or wronged else "bold green"
    console.print(f"{caught} of {len(lies) - 1} lies caught by name; the honest server {honest}", style=style)
    console.print(f"seed {seed}, {seconds:.1f} s")
    return 1 if missed or wronged else 0
