"""Plays the lesson: a call that survives its client, and then one that does not survive its server."""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from pathlib import Path
from types import FrameType

from rich.console import Console

HERE = Path(__file__).parent
STYLES = {"server": "magenta", "client": "cyan", "show": "bold"}
PATIENCE = 60.0
console = Console(highlight=False, soft_wrap=True)


class BrokenError(Exception):
    """A run that did not end as it should."""


def show(whose: str, line: str) -> None:
    console.print(f"{whose:<8}", style=STYLES[whose], end="")
    console.print(line, markup=False)


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-u", *arguments, cwd=HERE, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )


async def lines(process: Process) -> AsyncGenerator[str]:
    if process.stdout:
        async for line in process.stdout:
            yield line.decode(errors="replace").rstrip()


async def pass_on(whose: str, process: Process) -> None:
    async for line in lines(process):
        show(whose, line)


@contextlib.asynccontextmanager
async def serving(port: str, *flags: str) -> AsyncGenerator[str]:
    """The server's URL, once it listens."""
    server = await start("server.py", "--port", port, *flags)
    try:
        url = None
        async for line in lines(server):
            show("server", line)
            if found := re.match(r"listening on (\S+)", line):
                url = found[1]
                break
        if url is None:
            raise BrokenError("the server did not start")
        reading = asyncio.create_task(pass_on("server", server))
        yield url
        server.terminate()
        await asyncio.wait_for(reading, PATIENCE)
    finally:
        if server.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                server.kill()
        await server.wait()


async def run_client(what: str, url: str, cache: Path, *, dies: bool, says: str) -> None:
    """One run of the client, held against what it should do."""
    show("show", f"{what}: uv run client.py")
    client = await start("client.py", "--url", url, "--cache", str(cache))
    said: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in lines(client):
                show("client", line)
                said.append(line.split(" ")[0])
            died = await client.wait() != 0
    finally:
        if client.returncode is None:
            client.kill()
            await client.wait()
    if died != dies or says not in said:
        raise BrokenError(f"{what} should have {'died' if dies else 'ended well'} and said {says!r}")


async def play(flags: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / ".session_cache"
        async with serving("0", *flags) as url:
            await run_client("first run", url, cache, dies=True, says="dying")
            await run_client("second run", url, cache, dies=False, says="forecast")
            await run_client("first run", url, cache, dies=True, says="dying")
        show("show", "the server ends, another takes its place, and knows nothing")
        async with serving(url.rpartition(":")[2].removesuffix("/mcp"), *flags) as url:
            await run_client("second run", url, cache, dies=False, says="afresh")


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Whoever ends the play means its actors too: end as Ctrl-C does."""
    signal.raise_signal(signal.SIGINT)


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.")
    parser.add_argument("--delay", default="6", help="seconds that a forecast takes (default: %(default)s)")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        asyncio.run(play(["--delay", flags.delay]))
    except BrokenError as broken:
        show("show", f"broken: {broken}")
        return 1
    except TimeoutError:
        show("show", f"broken: nothing has ended within {PATIENCE:g} s")
        return 1
    except KeyboardInterrupt:
        return 130
    show("show", "each run ended as it should")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
