"""Plays the lesson in three acts, with small windows: a short stall, a long outage, a server that forgets."""

import asyncio
import contextlib
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from pathlib import Path

from rich.console import Console

HERE = Path(__file__).parent
STYLES = {"server": "magenta", "network": "yellow", "client": "cyan", "show": "bold"}
PATIENCE = 30.0  # seconds for a thing to happen; only a failure uses them up
BUILD = ("--steps", "15", "--seconds", "3")
QUICK = ("--ping", "0.5", "--retry", "200")
console = Console(highlight=False, soft_wrap=True)


class BrokenError(Exception):
    """Something that did not go as it should."""


def show(whose: str, line: str) -> None:
    console.print(f"{whose:<9}", style=STYLES[whose], end="")
    console.print(line, markup=False)


class Speaker:
    """A process, and what it has said; each line is shown."""

    def __init__(self, whose: str, process: Process) -> None:
        self.whose, self.process = whose, process
        self.lines: list[str] = []
        self.hearing = asyncio.create_task(self._hear())
        self._news = asyncio.Event()

    async def _hear(self) -> None:
        if self.process.stdout:
            async for raw in self.process.stdout:
                self.lines.append(raw.decode(errors="replace").rstrip())
                show(self.whose, self.lines[-1])
                self._news.set()
        self._news.set()

    async def wait_for(self, pattern: str) -> re.Match[str]:
        while True:
            for line in self.lines:
                if found := re.search(pattern, line):
                    return found
            if self.hearing.done():
                raise BrokenError(f"the {self.whose} ended before it said {pattern!r}")
            self._news.clear()
            await self._news.wait()

    async def end(self) -> int:
        await self.hearing
        return await self.process.wait()

    async def port(self) -> int:
        return int((await self.wait_for(r"listening on http://127\.0\.0\.1:(\d+)"))[1])


@contextlib.asynccontextmanager
async def speaking(whose: str, *arguments: str) -> AsyncGenerator[Speaker]:
    """A program of the lesson, for as long as it is needed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", *arguments, cwd=HERE, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    speaker = Speaker(whose, process)
    try:
        yield speaker
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await speaker.end()


@contextlib.asynccontextmanager
async def network(to: int, script: str) -> AsyncGenerator[tuple[Speaker, str]]:
    flags = ("--listen", "0", "--page", "0", "--to", str(to), "--script", script)
    async with speaking("network", "network.py", *flags) as there:
        yield there, f"http://127.0.0.1:{await there.port()}/mcp"


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
    )
    async with speaking("client", "client.py", *flags) as there:
        yield there
        if await there.end():
            raise BrokenError(f"the client was to show {expected!r}")


async def one_outage(script: str, expected: str, *flags: str) -> None:
    async with contextlib.AsyncExitStack() as there:
        server = await there.enter_async_context(
            speaking("server", "server.py", "--port", "0", *QUICK, *flags)
        )
        _, url = await there.enter_async_context(network(await server.port(), script))
        await there.enter_async_context(client(url, expected))


async def short_stall() -> None:
    show("show", "1. A short stall: the network is cut for a second, and nothing is lost.")
    await one_outage("0.9 cut, 1.8 restore", "whole")


async def long_outage() -> None:
    show("show", "2. An outage longer than the window: messages are gone, the result is not.")
    await one_outage("0.9 cut, 2.2 restore", "gone", "--max-age", "0.5")


async def forgetful_server() -> None:
    show(
        "show",
        "3. The server is restarted meanwhile: it has forgotten the session, and the build.",
    )
    async with contextlib.AsyncExitStack() as second:
        async with speaking("server", "server.py", "--port", "0", *QUICK) as first:
            port = await first.port()
            there, url = await second.enter_async_context(network(port, "0.9 cut, 2 restore"))
            build = await second.enter_async_context(client(url, "afresh"))
            await there.wait_for("^cut ")
        await second.enter_async_context(speaking("server", "server.py", "--port", str(port), *QUICK))
        await build.end()


async def play() -> None:
    for act in (short_stall, long_outage, forgetful_server):
        async with asyncio.timeout(PATIENCE):
            await act()


def main() -> int:
    try:
        asyncio.run(play())
    except BrokenError as broken:
        show("show", f"broken: {broken}")
        return 1
    except TimeoutError:
        show("show", f"broken: an act has not ended within {PATIENCE:g} s")
        return 1
    except KeyboardInterrupt:
        return 130
    show("show", "each act ended as it should")
    return 0


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
