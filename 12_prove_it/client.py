"""Cuts a server's streams, and says which laws of resumption it keeps.

uv run client.py http://127.0.0.1:8000/mcp --tool send_burst --args '{"count": 10}'
uv run client.py     with no URL: the gallery, in which the checker has to catch each lie of `server.py`
"""

import argparse
import asyncio
import random
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.live import Live

from laboratory.checker import Order, Report, examine
from laboratory.lab import Arguments, NothingToResumeError, UnfitError
from laboratory.peer import LONG, Peer
from laboratory.report import (
    as_json,
    as_junit,
    command,
    print_faults,
    print_not_reached,
    save_svg,
    summary,
    table,
)
from laboratory.survey import MANY, OFTEN, open_first, tools_of
from liar.gallery import run_gallery

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
COULD_NOT_CHECK = 2
WIDTH = 110  # where no terminal says how wide it is


async def prove(flags: argparse.Namespace, console: Console) -> int:
    no_reuse = httpx.Limits(
        max_keepalive_connections=0
    )  # a connection for each request, so that each can be cut
    async with httpx.AsyncClient(trust_env=False, timeout=LONG, limits=no_reuse) as http:
        peer = Peer(flags.url, http, dict(flags.header), flags.protocol, flags.patience)
        if flags.tool is None:
            return await list_tools(peer, console)
        order = Order(
            flags.tool,
            flags.args,
            flags.fast_args,
            flags.seed,
            flags.law,
            one_case=flags.law is not None and flags.seed_is_given,
            quiet=flags.quiet,
            time_limit=flags.time_limit,
        )
        report = Report(flags.url, flags.tool, flags.seed, flags.repeating)
        console.print(f"{flags.url}, tool {flags.tool}, seed {flags.seed}", markup=False)
        with Live(console=console, transient=True, auto_refresh=False) as live:

            def tell() -> None:
                if console.is_terminal:
                    live.update(table(report), refresh=True)

            await examine(peer, order, report, tell)
    console.print(report.surveyed)
    console.print(table(report), soft_wrap=False)
    print_faults(console, report)
    print_not_reached(console, report)
    console.print(summary(report))
    write(flags.json, as_json(report))
    write(flags.junit, as_junit(report))
    return 0 if report.passes(strict=flags.strict) else 1


def write(path: Path | None, text: str) -> None:
    if path:
        path.write_text(text, encoding="utf-8")


async def list_tools(peer: Peer, console: Console) -> int:
    """Which tools could serve, and how to ask."""
    session = await open_first(peer)
    tools = await tools_of(session)
    await session.delete()
    for tool in sorted(tools, key=lambda tool: not tool.could_serve):
        console.print(f"{'could serve' if tool.could_serve else 'perhaps':<12}{tool.name}", markup=False)
        if tool.could_serve:
            slow, fast = tool.tuned(10, 0.1), tool.tuned(MANY, OFTEN)
            options = {"--args": as_text(slow), "--fast-args": as_text(fast)}
            console.print(f"            {command(peer.url, tool.name, options)}", markup=False)
    console.print("A tool serves that sends some messages (progress or log), the same ones each time.")
    return COULD_NOT_CHECK


def as_text(arguments: Arguments) -> str:
    return TypeAdapter(Arguments).dump_json(arguments).decode()


def arguments(text: str) -> Arguments:
    try:
        return TypeAdapter(Arguments).validate_json(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            f"{text} is not a JSON object, such as '{{\"count\": 10}}'"
        ) from None


def header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not 'Name: value'")
    return name.strip().lower(), value.strip()


def seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Says which laws of resumption an MCP server keeps.")
    add = parser.add_argument
    add("url", nargs="?", help="the server's endpoint; without it, the gallery")
    add("--tool", help="the tool to call; without it, the tools are listed")
    add(
        "--args",
        type=arguments,
        default={},
        metavar="JSON",
        help="its arguments: a few messages, some time between",
    )
    add(
        "--fast-args",
        type=arguments,
        metavar="JSON",
        help="for many and fast (default: guessed from the schema)",
    )
    add(
        "--header", type=header, action="append", default=[], metavar="'Name: value'", help="for each request"
    )
    add("--protocol", default="2025-11-25", help="version to ask for (default: %(default)s)")
    add(
        "--law",
        type=int,
        choices=range(1, 11),
        metavar="N",
        help="only this law; with --seed, only this case",
    )
    add("--seed", type=int, help="of all that is random (default: a new one, which is printed)")
    add("--strict", action="store_true", help="a broken SHOULD counts, too")
    add("--time-limit", type=seconds, default=60.0, help="seconds for all of it (default: %(default)g)")
    add(
        "--patience",
        type=seconds,
        default=3.0,
        help="seconds of silence before one is sure (default: %(default)g)",
    )
    add(
        "--quiet",
        type=seconds,
        default=1.5,
        help="seconds of silence after which a call is over (default: %(default)g)",
    )
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML, for CI")
    add("--save-svg", type=Path, metavar="FILE", help="write a picture of what is printed")
    add("--i-own-this-server", action="store_true", help="needed for a server that is not on this machine")
    flags = parser.parse_args()
    if flags.url:
        url = urlsplit(str(flags.url))
        if url.scheme not in ("http", "https"):
            parser.error(f"{flags.url} is not a URL, such as http://127.0.0.1:8000/mcp")
        if url.hostname not in LOOPBACK and not flags.i_own_this_server:
            parser.error(
                "connections are cut by the hundred: for a server elsewhere, say --i-own-this-server"
            )
    flags.seed_is_given = flags.seed is not None
    flags.seed = flags.seed if flags.seed_is_given else random.randrange(100_000)  # noqa: S311
    return flags


def repeating(flags: argparse.Namespace) -> str:
    """The command that asks the same once more; headers may be secret, and are left to the reader."""
    options: dict[str, str] = {}
    for name in ("args", "fast_args"):
        if (value := getattr(flags, name)) is not None:
            options[f"--{name.replace('_', '-')}"] = as_text(value)
    return command(flags.url, flags.tool or "", options)


def main() -> int:
    flags = parse_flags()
    width = None if sys.stdout.isatty() else WIDTH
    console = Console(highlight=False, soft_wrap=True, record=flags.save_svg is not None, width=width)
    flags.repeating = repeating(flags) if flags.url else ""
    try:
        code = asyncio.run(prove(flags, console) if flags.url else run_gallery(flags.seed, console))
        if flags.save_svg:
            save_svg(console, flags.save_svg, f"prove-it {flags.url or 'gallery'}")
    except NothingToResumeError as reason:
        console.print(str(reason), style="yellow", markup=False)
        return 0
    except UnfitError as reason:
        console.print(str(reason), style="bold red", markup=False)
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
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
