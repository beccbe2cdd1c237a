"""Plays the lesson in three acts, with small windows: a short stall, a long outage, a server that forgets."""

import plumbing.ctrl_c

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False))
PATIENCE = 120.0  # seconds for an act; only what hangs uses them up
BUILD = ("--steps", "15", "--seconds", "3")
QUICK = ("--ping", "0.5", "--retry", "200")


async def port(server: Speaker) -> int:
    return int((await server.wait_for(r"listening on http://127\.0\.0\.1:(\d+)"))[1])


@contextlib.asynccontextmanager
async def network(to: int, script: str) -> AsyncGenerator[tuple[Speaker, str]]:
    flags = ("--listen", "0", "--page", "0", "--to", str(to), "--script", script)
    async with STAGE.speaking("network", "network.py", *flags) as there:
        yield there, await there.address()


@contextlib.asynccontextmanager
async def client(url: str, expected: str) -> AsyncGenerator[Speaker]:
    """A build, followed to its end, which must show what is expected."""
    flags = (
        "--url",
        url,
        *BUILD,
        "--silence",
        "3",
        "--patience",
        "10",
        "--longest-wait",
        "0.3",
        "--expect",
        expected,
        *sys.argv[1:],  # what the user gives has the last word
    )
    async with STAGE.speaking("client", "client.py", *flags) as there:
        yield there
        code = await there.end()
        if code == 2:
            raise BrokenError("The client does not know these flags, or not with these values.")
        if code:
            raise BrokenError(f"The client was to show {expected!r}.")


async def one_outage(script: str, expected: str, *flags: str) -> None:
    async with contextlib.AsyncExitStack() as there:
        server = await there.enter_async_context(
            STAGE.speaking("server", "server.py", "--port", "0", *QUICK, *flags)
        )
        _, url = await there.enter_async_context(network(await port(server), script))
        await there.enter_async_context(client(url, expected))


async def short_stall() -> None:
    STAGE.say("show", "1. A short stall: the network is cut for a second, and nothing is lost.")
    await one_outage("0.9 cut, 1.8 restore", "whole")


async def long_outage() -> None:
    STAGE.say("show", "2. An outage longer than the window: messages are gone, the result is not.")
    await one_outage("0.9 cut, 2.2 restore", "gone", "--max-age", "0.5")


async def forgetful_server() -> None:
    STAGE.say(
        "show",
        "3. The server is restarted meanwhile: it has forgotten the session, and the build.",
    )
    async with contextlib.AsyncExitStack() as second:
        async with STAGE.speaking("server", "server.py", "--port", "0", *QUICK) as first:
            taken = await port(first)
            there, url = await second.enter_async_context(network(taken, "0.9 cut, 2 restore"))
            build = await second.enter_async_context(client(url, "afresh"))
            await there.wait_for("^cut ")
        await second.enter_async_context(STAGE.speaking("server", "server.py", "--port", str(taken), *QUICK))
        await build.end()


async def play() -> int:
    for act in (short_stall, long_outage, forgetful_server):
        async with asyncio.timeout(PATIENCE):
            await act()
    STAGE.say("show", "each act ended as it should")
    return 0


if __name__ == "__main__":
    sys.exit(STAGE.perform(play()))

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
