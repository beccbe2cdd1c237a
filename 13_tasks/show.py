"""Plays the lesson in four acts. The first one loses, on purpose."""

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
LINE = re.compile(r"(?:live|missed) +(\d+) of (\d+)")


@contextlib.asynccontextmanager
async def serving(*flags: str, port: str = "0") -> AsyncGenerator[tuple[Speaker, str]]:
    """A server and its URL. A port that somebody else has just taken is asked for again."""
    for wait in (0.5, 1, 2, 4, 8, 0):
        async with STAGE.speaking("server", "server.py", "--port", port, *flags) as server:
            try:
                url = await server.address()
            except BrokenError:
                if not wait or not any(line.startswith("Cannot listen") for line in server.lines):
                    raise
            else:
                yield server, url
                return
        await asyncio.sleep(wait)


class Act:
    def __init__(self, title: str, url: str, cache: Path) -> None:
        STAGE.say("show", f"-- {title}")
        self.asked = ("--url", url, "--cache", str(cache))
        self.lines: list[str] = []  # of all its clients

    @contextlib.asynccontextmanager
    async def client(self, *flags: str) -> AsyncGenerator[Speaker]:
        STAGE.say("show", f"uv run {' '.join(('client.py', *flags))}")
        asked = ("client.py", *self.asked, *flags)
        async with asyncio.timeout(PATIENCE), STAGE.speaking("client", *asked) as client:
            yield client

    async def run(self, *flags: str, dies: bool = False, fails: bool = False) -> None:
        async with self.client(*flags) as client:
            await self.ends(client, dies=dies, fails=fails)

    async def ends(self, client: Speaker, *, dies: bool = False, fails: bool = False) -> None:
        code = await client.end()
        self.lines += client.lines
        died = any(line.startswith("dying") for line in client.lines)
        if died != dies or (code != 0) != (dies or fails):
            raise BrokenError(
                f"this run should have {'died' if dies else 'failed' if fails else 'succeeded'}"
            )

    def says(self, pattern: str) -> bool:
        return any(re.search(pattern, line) for line in self.lines)

    def prove(self, *patterns: str) -> None:
        """The uncut whole: each line once and in order, in all runs together; and what else must be said."""
        found = [match for line in self.lines if (match := LINE.match(line))]
        numbers = [int(match[1]) for match in found]
        if not found or numbers != list(range(1, int(found[0][2]) + 1)):
            raise BrokenError(f"each line should have come once and in order; there came {numbers}")
        for pattern in patterns:
            if not self.says(pattern):
                raise BrokenError(f"no client said {pattern!r}")


def count(server: Speaker, pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in server.lines)


def task_of(act: Act) -> str:
    return next(match[1] for line in act.lines if (match := re.match(r"task +(\w+)\.\.\.", line)))


def called(server: Speaker, act: Act, begins: int, goes_on: int) -> None:
    """How often the server called the tool for the task of an act."""
    found = tuple(count(server, f"task {task_of(act)}: {what}") for what in ("begins", "goes on"))
    if found != (begins, goes_on):
        raise BrokenError(
            f"the tool should have begun {begins} times and gone on {goes_on} times, not {found}"
        )


async def play(steps: int, interval: float) -> int:
    build = ("--steps", str(steps), "--interval", str(interval))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cache = folder / ".task_cache"
        flags = ("--store", "sqlite", "--file", str(folder / "tasks.db"), "--poll", "400", "--retry", "300")
        async with serving(*flags) as (server, url):
            act = Act("act 1: without a task. The connection is cut, and the work is lost", url, cache)
            await act.run(*build, "--without-task", "--cut-after", "3", fails=True)
            if not act.says("^lost +the answer") or not act.says("^ended .*cancelled"):
                raise BrokenError("without a task the answer should have been lost, and the tool cancelled")
            STAGE.say("show", "proven: lost, as it must be. In this era a lost connection cancels the tool")

            act = Act("act 2: with a task. The client is killed, and another one has the result", url, cache)
            await act.run(*build, dies=True)
            await asyncio.sleep(interval * 3)  # the play's own pause, in which the work goes on
            await act.run()
            act.prove("^missed", "^proven")
            called(server, act, 1, 0)
            STAGE.say("show", "proven: the result of the same run; the tool was called once")

            act = Act("act 3: the server is killed, too", url, cache)
            async with act.client(*build, "--die-at", "never", "--patience", "60") as client:
                await client.wait_for("^live +3 of")
                server.process.kill()
                await server.end()
                STAGE.say("show", "the server is dead; it is started again on the same file")
                async with serving(*flags, port=url.rpartition(":")[2].removesuffix("/mcp")) as (again, _):
                    await act.ends(client)
                    act.prove("^proven")
                    called(server, act, 1, 0)
                    called(again, act, 0, 1)
                    STAGE.say("show", "proven: it went on after its last step; each step once")
                    await last_act(again, url, cache, build)
    STAGE.say("show", "proven: each act ended as it should")
    return 0


async def last_act(server: Speaker, url: str, cache: Path, build: tuple[str, ...]) -> None:
    act = Act("act 4: the task asks. The client dies with the question, and the next one answers", url, cache)
    await act.run(*build, "--approval", "--die-at", "asked", dies=True)
    await act.run("--twice")
    act.prove("^question", "^proven")
    called(server, act, 1, 1)
    STAGE.say("show", "proven: the answer was sent twice, and counted once")


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.")
    parser.add_argument("--steps", type=int, default=8, help="of each build (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=0.3, help="seconds a step (default: %(default)s)")
    flags = parser.parse_args()
    if flags.steps < 6 or flags.interval <= 0:
        parser.error("a build has 6 steps at least, and each takes some time")
    return STAGE.perform(play(flags.steps, flags.interval))


if __name__ == "__main__":
    sys.exit(main())

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
