"""The gallery: the client tells every lie, and the judge has to call each by its name; honesty has to pass.

uv run gallery.py              once, with a seed of its own
uv run gallery.py --seeds 20   twenty times, one after another
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import random
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from client import call_once, parser
from honest.lies import LIES, Lie
from judging.judge import CASES, Order, Report, examine
from judging.starting import Start
from judging.verdicts import Verdict

PACE = 0.1  # of what takes a time: the client is our own, and quick
SILENCE = 2.0  # seconds after which it is said to hang; the second time three times as long
AT_ONCE, LIARS = 6, 3  # clients of a kind, and kinds, at the same time
OF_SILENCE = frozenset({Verdict.HUNG, Verdict.LOST, Verdict.GAVE_UP, Verdict.DEAF, Verdict.CORRUPTED})
Results = dict[Lie, set[str]]


class InHere:
    """The client as a coroutine of this very process: the sockets are as real, and a start costs nothing."""

    def __init__(self) -> None:
        self.output = ""
        self.code: int | None = None

    def say(self, line: str) -> None:
        self.output += f"{line}\n"


def in_here(lie: Lie) -> Start:
    @asynccontextmanager
    async def start(url: str, calls: int, ended: Callable[[], None]) -> AsyncGenerator[InHere]:
        client = InHere()
        words = ["--url", url, "--calls", str(calls), "--lie", lie, "--retry", str(PACE), "--patience", "20"]
        flags = parser().parse_args(words)

        async def play() -> None:
            try:
                client.code = await call_once(flags, client.say)
            except Exception as error:  # noqa: BLE001 (as a program would: a traceback, and exit code 1)
                client.say(f"{type(error).__name__}: {error}")
                client.code = 1
            ended()

        task = asyncio.create_task(play())
        try:
            yield client
        finally:
            task.cancel()
            await asyncio.wait({task})

    return start


async def judged(lie: Lie, seed: int) -> Report:
    """All cases for the honest client; for a liar those that are about what its lie deserves."""
    deserved = LIES[lie].verdict
    cases = [case for case in CASES if not deserved or deserved in case.names]
    report = Report(f"client.py --lie {lie}", seed, "")
    twice = frozenset(OF_SILENCE - {deserved})
    order = Order(seed, cases, "done", SILENCE, AT_ONCE, PACE, sought=deserved, twice=twice)
    await examine(in_here(lie), order, report, lambda: None)
    return report


async def try_all(seed: int, tell: Callable[[Results], None]) -> Results:
    results: Results = {}

    slots = asyncio.Semaphore(LIARS)

    async def try_one(lie: Lie) -> None:
        async with slots:
            report = await judged(lie, seed)
        results[lie] = report.verdicts or ({"unknown"} if report.unknown else set())
        tell(results)

    await try_one(Lie.NONE)  # alone: whoever is honest is not to be late
    async with asyncio.TaskGroup() as all_:
        for lie in LIES:
            if lie is not Lie.NONE:
                all_.create_task(try_one(lie))
    return results


def matrix(results: Results) -> Table:
    """A line for each lie, in 80 columns: what it deserves, and what the judge said."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width in (("lie", 18), ("deserves", 16), ("the judge says", 42)):
        shown.add_column(name, min_width=width, max_width=width)
    for lie, told in LIES.items():
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


async def run_gallery(seed: int, console: Console) -> int:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with Live(console=console, transient=True, auto_refresh=False) as live:

        def tell(results: Results) -> None:
            if console.is_terminal:
                live.update(matrix(results), refresh=True)

        results = await try_all(seed, tell)
    console.print(matrix(results), soft_wrap=False)
    missed = [lie for lie, told in LIES.items() if told.verdict and told.verdict not in results[lie]]
    wronged = bool(results[Lie.NONE])
    style = "bold red" if missed or wronged else "bold green"
    caught, honest = len(LIES) - 1 - len(missed), "is wronged" if wronged else "passes"
    console.print(f"{caught} of {len(LIES) - 1} lies caught by name; the honest client {honest}", style=style)
    console.print(f"seed {seed}, {len(CASES)} cases, {loop.time() - began:.1f} s")
    return 1 if missed or wronged else 0


async def main() -> int:
    parser = argparse.ArgumentParser(description="Catches each lie of client.py by its name.")
    parser.add_argument("--seed", type=int, default=random.randrange(100_000))  # noqa: S311
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="so many times (default: once)")
    flags = parser.parse_args()
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    return max([await run_gallery(flags.seed + number, console) for number in range(flags.seeds)])


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
