"""Grades the exercise from outside: two calls in flight, one death, and both forecasts in the next run."""

import plumbing.ctrl_c

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for a run; only what hangs uses them up
SERVER = ("server.py", "--port", "0", "--delay", "3", "--retry", "300")
CITIES = ("--city", "Oslo", "--city", "Rome")
BEGINS = r"run (\d+) begins"


async def run(url: str, cache: Path) -> tuple[int, list[str]]:
    """The exercise's command: its exit code, and what it says."""
    flags = ("--url", url, "--cache", str(cache), *CITIES)
    async with asyncio.timeout(PATIENCE), STAGE.speaking("client", "client.py", *flags) as client:
        return await client.end(), client.lines


async def begun(server: Speaker, times: int) -> bool:
    """Whether the tool begins so often; it may be about to."""
    try:
        async with asyncio.timeout(10):
            await server.wait_for(BEGINS, times)
    except TimeoutError:
        return False
    return True


def told(pattern: str, lines: list[str]) -> list[str]:
    return sorted(match[1] for line in lines if (match := re.search(pattern, line)))


async def grade_two_calls(grade: Grade, server: Speaker, folder: Path) -> None:
    url, cache = await server.address(), folder / ".session_cache"
    code, first = await run(url, cache)
    grade.holds(
        code != 0 and len(told("^(dying)", first)) == 1,
        "the first run dies, once",
        f"Its default is --die-at called. It said: {first[-1] if first else 'nothing'}",
    )
    grade.holds(
        await begun(server, 2),
        "both calls were in flight when it died",
        "The first call must not wait for the second, and the death must wait for both.",
    )
    code, second = await run(url, cache)
    forecasts = told(r"^forecast +(\w+) tomorrow", first + second)
    grade.holds(
        code == 0 and forecasts == ["Oslo", "Rome"],
        "the same command again has both forecasts, each once",
        f"It ended with exit code {code}, and showed: {', '.join(forecasts) or 'no forecast'}.",
    )
    stations = told(r"^(?:live|missed) +station (\d) of 6", first + second)
    grade.holds(
        stations == sorted("123456" * 2),
        "each station came once for each city",
        f"Came: {' '.join(stations)}. Each call needs a cursor of its own, which only its own events move.",
    )
    cursors = set(told(r"resumed after (\S+)", server.lines))
    grade.holds(
        len(cursors) == 2,
        "each call was resumed after its own event id",
        f"The server has seen {len(cursors)}: a cursor is an id in one stream, and each call has a stream.",
    )
    runs = len(told(BEGINS, server.lines))
    grade.holds(runs == 2, "the tool ran twice, and no more", f"Runs of the tool: {runs}.")


async def grade() -> int:
    grade = Grade(STAGE)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            async with STAGE.speaking("server", *SERVER) as server:
                await grade_two_calls(grade, server, Path(folder))
    except (BrokenError, TimeoutError) as error:
        what = str(error) or "It took too long."
        grade.holds(False, "the server starts, and each run of the client ends", what)
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

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
