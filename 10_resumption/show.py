"""Plays the lesson: a call that survives its client, and then one that does not survive its server."""

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from plumbing.stage import BrokenError, Screen, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False))
PATIENCE = 120.0  # seconds for a run; only what hangs uses them up


@contextlib.asynccontextmanager
async def serving(port: str, *flags: str) -> AsyncGenerator[str]:
    """The server's URL, once it listens."""
    async with STAGE.speaking("server", "server.py", "--port", port, *flags) as server:
        yield await server.address()


async def run_client(what: str, url: str, cache: Path, *, dies: bool, says: str) -> None:
    """One run of the client, held against what it should do."""
    STAGE.say("show", f"{what}: uv run client.py")
    async with (
        asyncio.timeout(PATIENCE),
        STAGE.speaking("client", "client.py", "--url", url, "--cache", str(cache)) as client,
    ):
        died = await client.end() != 0
    said = [line.split(" ")[0] for line in client.lines]
    if died != dies or says not in said:
        raise BrokenError(f"{what} should have {'died' if dies else 'ended well'} and said {says!r}")


async def play(flags: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / ".session_cache"
        async with serving("0", *flags) as url:
            await run_client("first run", url, cache, dies=True, says="dying")
            await run_client("second run", url, cache, dies=False, says="forecast")
            await run_client("first run", url, cache, dies=True, says="dying")
        STAGE.say("show", "the server ends, another takes its place, and knows nothing")
        async with serving(url.rpartition(":")[2].removesuffix("/mcp"), *flags) as url:
            await run_client("second run", url, cache, dies=False, says="afresh")
    STAGE.say("show", "each run ended as it should")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.")
    parser.add_argument("--delay", default="6", help="seconds that a forecast takes (default: %(default)s)")
    flags = parser.parse_args()
    return STAGE.perform(play(["--delay", flags.delay]))


if __name__ == "__main__":
    sys.exit(main())
