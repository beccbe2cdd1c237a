"""Cuts a server's streams, and says which laws of resumption it keeps.

uv run client.py http://127.0.0.1:8000/mcp --tool send_burst --args '{"count": 10}'
uv run client.py     with no URL: the gallery, in which the checker has to catch each lie of `server.py`
"""

from plumbing.ctrl_c import in_order

import argparse
import asyncio
import shlex
import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from rich.console import Console, Group
from rich.live import Live

from laboratory.checker import Order, examine
from laboratory.evidence import conceal
from laboratory.flags import as_text, parse_flags, program, repeating
from laboratory.outcomes import NothingToResumeError, UnfitError
from laboratory.peer import LONG, Peer
from laboratory.proposals import proposals
from laboratory.report import (
    as_json,
    as_junit,
    print_faults,
    print_open,
    printable,
    progress,
    save_svg,
    summary,
    table,
)
from laboratory.results import Report
from laboratory.stream import now
from liar.gallery import run_gallery
from plumbing.html_report import badge, beside, page
from tasks_era.checker import examine as examine_tasks
from tasks_era.checker import tools_of
from tasks_era.lab import MODERN, TasksLab

BROKEN, COULD_NOT_CHECK, UNKNOWN = 1, 2, 3
WIDTH = 80  # where no terminal says how wide it is


@asynccontextmanager
async def peer_of(flags: argparse.Namespace) -> AsyncGenerator[Peer]:
    """A connection for each request, so that each can be cut; and others that are kept."""
    trust = httpx.create_ssl_context(verify=not flags.insecure, trust_env=False)
    if flags.cacert:
        trust.load_verify_locations(flags.cacert)
    no_reuse = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(trust_env=False, timeout=LONG, limits=no_reuse, verify=trust) as http,
        httpx.AsyncClient(trust_env=False, timeout=LONG, verify=trust) as kept,
    ):
        yield Peer(flags.url, http, flags.headers, flags.protocol, flags.patience, kept, trust)


async def prove(flags: argparse.Namespace, console: Console) -> int:
    for value in flags.headers.values():
        conceal(value)
    async with peer_of(flags) as peer:
        if flags.tool is None:
            return await (list_modern_tools if flags.era == MODERN else list_tools)(peer, console)
        order = Order(
            flags.tool,
            flags.args,
            flags.fast_args,
            flags.seed,
            flags.law,
            one_case=flags.law is not None and flags.seed_is_given,
            quiet=flags.quiet,
            time_limit=flags.time_limit,
            long_args=flags.long_args,
            flood=flags.flood,
            fail_args=flags.fail_args,
            ask_args=flags.ask_args,
        )
        report = Report(flags.url, flags.tool, flags.seed, repeating(flags))
        console.print(f"{flags.url}, tool {flags.tool}, seed {flags.seed}", markup=False)
        try:
            with Live(console=console, transient=True, auto_refresh=False) as live:
                began = now()

                def tell() -> None:
                    if console.is_terminal:
                        live.update(Group(progress(report, now() - began), table(report)), refresh=True)

                tell()

                if flags.era == MODERN:
                    await examine_tasks(TasksLab(peer, flags.tool, flags.other), order, report, tell)
                else:
                    await examine(peer, order, report, tell)
        except UnfitError as reason:
            report.unfit = str(reason)
            raise
        finally:
            told = as_json(report)
            write(flags.json, told)
            if flags.html:
                write(flags.html, page("Which laws of resumption it keeps", [*beside(flags.beside), told]))
            if flags.badge:
                write(flags.badge, badge("resumption", told))
            write(flags.junit, as_junit(report))
    console.print(report.surveyed)
    console.print(table(report))
    print_faults(console, report)
    print_open(console, report)
    console.print(summary(report))
    if report.broken(strict=flags.strict):
        return BROKEN
    return UNKNOWN if report.unknown else 0


def write(path: Path | None, text: str) -> None:
    if path:
        path.write_text(text, encoding="utf-8")


async def list_tools(peer: Peer, console: Console) -> int:
    """Which tools could serve, and how to ask."""
    for proposal in await proposals(peer):
        console.print(f"{proposal.word:<12}{printable(proposal.tool.name)}  {proposal.why}", markup=False)
        if proposal.serves:
            words = [*program(), peer.url, "--tool", proposal.tool.name]
            words += ["--args", as_text(proposal.args), "--fast-args", as_text(proposal.fast_args)]
            console.print(f"            {printable(shlex.join(words))}", markup=False)
    console.print("A tool serves that sends some messages (progress or log).")
    return COULD_NOT_CHECK


async def list_modern_tools(peer: Peer, console: Console) -> int:
    """Whether a tool becomes a task is seen only when it is called."""
    for tool in await tools_of(TasksLab(peer, "", {})):
        console.print(f"perhaps     {printable(tool.name)}", markup=False)
    console.print("Name one with --tool. It serves if the server makes a task of it.")
    return COULD_NOT_CHECK


def main() -> int:
    in_order()
    flags = parse_flags()
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(highlight=False, soft_wrap=True, record=flags.save_svg is not None, width=width)
    try:
        play = prove(flags, console) if flags.url else run_gallery(flags.era, flags.seed, console)
        code = asyncio.run(play)
        if flags.save_svg:
            save_svg(console, flags.save_svg, f"prove-it {flags.url or 'gallery'}")
    except NothingToResumeError as reason:
        console.print(str(reason), style="yellow", markup=False)
        return 0
    except UnfitError as reason:
        console.print(printable(str(reason)), style="bold red", markup=False)
        return COULD_NOT_CHECK
    except ssl.SSLError as error:
        console.print(f"--cacert: {error}", style="bold red", markup=False)
        return COULD_NOT_CHECK
    except OSError as error:
        console.print(f"{error.filename}: {error.strerror}", style="bold red", markup=False)
        return COULD_NOT_CHECK
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())

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
