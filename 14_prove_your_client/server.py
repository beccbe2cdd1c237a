"""The judge: a scripted MCP server, which cuts your client's connections and says what the client loses.

uv run server.py -- node my_client.mjs {url}     judges the client that this command starts
uv run server.py --case a-reset                  plays one case to whoever comes, and shows the wire
"""

from plumbing.ctrl_c import run

import argparse
import shlex
import sys

from rich.console import Console
from rich.live import Live

from judging.flags import parse_flags, repeating
from judging.judge import CASES, Order, Report, examine
from judging.report import as_json, as_junit, print_all, printable, table, write
from judging.stand import stand
from judging.starting import CannotStartError, starter
from plumbing.html_report import badge, beside, page

BROKEN, COULD_NOT_TRY, UNKNOWN = 1, 2, 3
WIDTH = 80


async def judge(flags: argparse.Namespace, console: Console) -> int:
    """0 only if every case was played, and held."""
    client = shlex.join(flags.client)
    report = Report(client, flags.seed, repeating(flags))
    order = Order(
        flags.seed,
        flags.cases,
        flags.expect,
        flags.time_limit,
        flags.at_once,
        two_calls="{calls}" in client,
    )
    console.print(f"{client}, seed {flags.seed}", markup=False)
    try:
        with Live(console=console, transient=True, auto_refresh=False) as live:

            def tell() -> None:
                if console.is_terminal:
                    live.update(table(report), refresh=True)

            await examine(starter(flags.client), order, report, tell)
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    except CannotStartError as reason:
        report.unfit = str(reason)
        raise
    finally:
        told = as_json(report)
        write(flags.json, told)
        write(flags.junit, as_junit(report))
        if flags.html:
            write(flags.html, page("What this client loses", [*beside(flags.beside), told]))
        write(flags.badge, badge("client", told))
    print_all(console, report)
    if report.broken(strict=flags.strict):
        return BROKEN
    return UNKNOWN if report.unknown else 0


async def played() -> int:
    flags = parse_flags()
    console = (
        Console(highlight=False)
        if sys.stdout.isatty()
        else Console(highlight=False, soft_wrap=True, width=WIDTH)
    )
    if flags.list:
        for case in CASES:
            print(f"{case.name:<36} {case.weight:<12} {case.question}")
        return 0
    try:
        if flags.client:
            return await judge(flags, console)
        await stand(
            flags.cases[0] if flags.case else CASES[1],
            flags.seed,
            flags.expect,
            flags.port,
            lambda text: console.print(printable(text), markup=False),
        )
    except CannotStartError as reason:
        console.print(str(reason), style="bold red", markup=False)
    except (OSError, OverflowError) as error:
        console.print(
            f"cannot listen on port {flags.port} ({error}): choose another with --port", style="bold red"
        )
    return COULD_NOT_TRY


def main() -> int:
    return run(played())


if __name__ == "__main__":
    sys.exit(main())

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
