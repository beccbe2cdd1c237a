"""The exercise of lesson 11's README is unsolved, can be solved, and its check tells the two apart."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (redis-py is typed in part)

import asyncio
import re
import sys
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis
from solution_11 import SOLUTION

from on_redis.own_server import RedisServer
from on_redis.replay_buffer import events_of
from processes import run, serving
from starting.storage import connect
from workshop.breaks import edited

EXERCISE = (LESSON / "README.md").read_text(encoding="utf-8").partition("## Exercise")[2]
ASKED = re.findall(r"--max-bytes (\d+)", EXERCISE)
CHECK = re.findall(r"`uv run (client\.py [^`]+)`", EXERCISE)
QUICK = ("--workers", "2", "--retry", "50", "--lease", "0.6")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")


def checked(lesson: Path, redis: RedisServer, max_bytes: str) -> str:
    """The last line of the check."""
    (check,) = CHECK
    with serving(lesson, "--redis", redis.url, *QUICK, "--max-bytes", max_bytes) as server:
        return run(lesson, *check.split(), "--url", server.url)[1].splitlines()[-1]


async def bytes_kept(redis: RedisServer) -> int:
    """Of the session that the client has left behind."""
    async with connect(redis.url, 5) as client:
        (key,) = [key async for key in client.scan_iter("mcp:*:events:*")]
        return sum(len(event.message) for event in events_of("", await client.xrange(key)))


def test_it_is_unsolved(tmp_path: Path) -> None:
    with (
        real_redis(tmp_path) as redis,
        pytest.raises(AssertionError, match="unrecognized arguments: --max-bytes"),
    ):
        checked(LESSON, redis, ASKED[0])


def test_a_flag_alone_does_not_solve_it(tmp_path: Path) -> None:
    flag_only = edited(LESSON, tmp_path, SOLUTION[0])
    with real_redis(tmp_path) as redis:
        assert re.match("proven ", checked(flag_only, redis, ASKED[0]))


def test_it_can_be_solved(tmp_path: Path) -> None:
    little, much = ASKED
    solved = edited(LESSON, tmp_path, *SOLUTION)
    with real_redis(tmp_path) as redis:
        assert re.match("failed +410: ", checked(solved, redis, little))
        assert int(little) * 0.9 < asyncio.run(bytes_kept(redis)) <= int(little)
        assert re.match("proven +2000 of 2000 steps came", checked(solved, redis, much))
