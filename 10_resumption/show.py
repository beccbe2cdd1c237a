"""Plays the lesson in five acts, and holds each against a run that nobody cut.

told  what a client's runs have said together: the stations in order, and the forecast
runs  how often the tool has begun, by the server's count
"""

import plumbing.ctrl_c

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False))
PATIENCE = 120.0  # seconds for a run; only what hangs uses them up
TOLD = re.compile(r"(?:live|missed|forecast) +(.*)")


@contextlib.asynccontextmanager
async def serving(
    *flags: str, port: str = "0", patience: float = 30.0
) -> AsyncGenerator[tuple[Speaker, str]]:
    """A server and its URL. A port that somebody else has just taken is asked for again."""
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        async with STAGE.speaking("server", "server.py", "--port", port, *flags) as server:
            try:
                url = await server.address()
            except BrokenError:
                taken = any(line.startswith("Cannot listen") for line in server.lines)
                if not taken or asyncio.get_running_loop().time() > deadline:
                    raise
            else:
                yield server, url
                return
        await asyncio.sleep(0.5)


class Act:
    """Runs of the client, one after the other, against one server, and what must come of them."""

    def __init__(self, title: str, server: Speaker, url: str, folder: str) -> None:
        STAGE.say("show", f"-- {title}")
        self.server, self.url, self.cache = server, url, Path(folder) / ".session_cache"
        self.runs_before, self.ended_before = self.count(r"run \d+ begins"), self.count(": ended")
        self.lines: list[str] = []

    def count(self, pattern: str) -> int:
        """How many such lines the server has written."""
        return sum(bool(re.search(pattern, line)) for line in self.server.lines)

    @property
    def told(self) -> list[str]:
        return [found[1] for line in self.lines if (found := TOLD.match(line))]

    async def run(self, *flags: str, dies: bool = False, fails: bool = False) -> list[str]:
        """One run, which has to end as it should."""
        STAGE.say("show", f"uv run {' '.join(('client.py', *flags))}")
        asked = ("--url", self.url, "--cache", str(self.cache), *flags)
        async with asyncio.timeout(PATIENCE), STAGE.speaking("client", "client.py", *asked) as client:
            code = await client.end()
        died = any(line.startswith("dying") for line in client.lines)
        if died != dies or (code != 0) != (dies or fails):
            raise BrokenError(f"this run should have {'died' if dies else 'ended with exit code 0'}")
        self.lines += client.lines
        return client.lines

    async def prove(self, whole: list[str], *, missed: bool = False, afresh: bool = False) -> None:
        """The uncut whole, each once and in order; the tool ran once; a fresh start is said aloud."""
        if self.told != whole:
            raise BrokenError(f"an uncut run says {whole}, these said {self.told}")
        async with asyncio.timeout(PATIENCE):
            await self.server.wait_for(
                ": ended", self.ended_before + 1
            )  # all that it did it has written then
        if (ran := self.count(r"run \d+ begins") - self.runs_before) != 1:
            raise BrokenError(f"the tool ran {ran} times for one call")
        if missed and not any(line.startswith("missed") for line in self.lines):
            raise BrokenError("nothing came that was sent while nobody was connected")
        if afresh != any(line.startswith("afresh") for line in self.lines):
            raise BrokenError(f"the client should {'' if afresh else 'not '}have begun afresh")
        STAGE.say("show", "proven: the same as the run that nobody cut, and the tool ran once")


async def play(flags: list[str], delay: float, first: list[str]) -> int:
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        # Another server, for the last two acts. It starts while the first ones are played.
        trick = await stack.enter_async_context(
            STAGE.speaking("trick", "server.py", "--port", "0", *flags, "--all-streams")
        )
        async with serving(*flags) as (server, url):
            act = Act("a run that nobody cuts, to compare with", server, url, folder)
            await act.run("--die-at", "never")
            whole = act.told
            await act.prove(whole)

            act = Act("the client dies in its call, and is started again", server, url, folder)
            await act.run(*first, dies=True)
            await asyncio.sleep(delay / 3)  # the play's own pause, in which two stations are asked
            await act.run()
            await act.prove(whole, missed=True)

            act = Act("two calls at once with the official client, and a cut", server, url, folder)
            await act.run("--two-calls")

            act = Act("the client dies, and so does the server", server, url, folder)
            await act.run(dies=True)
        async with serving(*flags, port=url.rpartition(":")[2].removesuffix("/mcp")) as (server, url):
            act = Act("the next run of the client finds another server", server, url, folder)
            await act.run()
            await act.prove(whole, afresh=True)

        title = "the trick: a client of 2025-06-18 dies before its first event, and --all-streams helps it"
        url = await trick.address()
        act = Act(title, trick, url, folder)
        await act.run("--protocol", "2025-06-18", dies=True)
        await act.run()
        await act.prove(whole)

        act = Act("why it is forbidden: two calls at once again", trick, url, folder)
        lines = await act.run("--two-calls", fails=True)
        if not any("a wrong answer: Rome was told of Oslo" in line for line in lines):
            raise BrokenError("with --all-streams one call should have had the other one's answer")
        STAGE.say("show", "so a replay keeps to one stream, unless you ask for the trick")
    STAGE.say("show", "proven: each act ended as it should")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.", allow_abbrev=False)
    parser.add_argument(
        "--delay", type=float, default=2.0, help="seconds that a forecast takes (default: %(default)s)"
    )
    flags, first = parser.parse_known_args()  # what is left is for the run that dies
    return STAGE.perform(play(["--delay", str(flags.delay), "--retry", "300"], flags.delay, first))


if __name__ == "__main__":
    sys.exit(main())


# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx2>=2.16,<3",
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
