"""What `uv run workshop 14` plays: a case on the wire, with an honest client and a liar; then the gallery."""

from plumbing.ctrl_c import run

import random
import sys

from rich.console import Console

from gallery import PACE, SILENCE, in_here, run_gallery
from honest.lies import Lie
from judging.judge import CASES, Order, played
from judging.report import printable
from judging.verdicts import BrokenError
from judging.wire import evidence

CASE = next(case for case in CASES if case.name == "cut again after an event")
LIAR = Lie.KEEP_THE_FIRST_ID
STYLES = {">": "cyan", "<": "magenta", "--": "yellow"}


async def one_case(lie: Lie, seed: int, console: Console) -> None:
    play = await played(in_here(lie), Order(seed, [CASE], time_limit=SILENCE * 10, pace=PACE), CASE, 1)
    cut = next((one.at for one in play.wire.moments if one.who == "cut"), 0.0)
    first = next(one for one in play.wire.asked if one.message and one.message.method == "tools/call")
    moments = [one for one in play.wire.moments if one.connection == first.link.number or one.at > cut]
    for line in evidence(moments).splitlines():
        if line and not line.startswith(("accept", "event: message", "retry")):
            console.print(printable(line)[:78], style=STYLES.get(line.partition(" ")[0], "dim"), markup=False)
    if isinstance(play.end, BrokenError):
        fault = play.end.fault
        console.print(f"broken: {fault.verdict}: came {fault.came}", style="bold red", markup=False)
    else:
        console.print("holds: " + CASE.question, style="bold green", markup=False)


async def main() -> int:
    seed = random.randrange(100_000)  # noqa: S311
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    for lie in (Lie.NONE, LIAR):
        console.rule(f"{CASE.name}: {lie}")
        await one_case(lie, seed, console)
    console.rule("the gallery: each lie has to be called by its name")
    return await run_gallery(seed, console)


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
