"""What lesson 11's README says of the wire, and of what breaks, is so."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from redis_11 import LESSON, real_redis

from cable import cable
from on_redis.broker import RedisSSEBroker
from on_redis.replay_buffer import RedisSSEReplayBuffer
from on_redis.sessions import RedisSessions
from processes import run, serving
from server import MCPServer
from starting.storage import connect

README = (LESSON / "README.md").read_text(encoding="utf-8")
FRAMES = re.search(r"```http\n(.*?)```", README, re.DOTALL)
QUICK = ["--interval", "0.1", "--away", "4", "--patience", "10"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")


def test_the_frames_are_those_of_a_run(tmp_path: Path) -> None:
    assert FRAMES
    flags = ("--workers", "2", "--retry", "500", "--lease", "0.6")
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--redis", redis.url, *flags) as server,
        cable(server.port) as line,
    ):
        url = f"http://127.0.0.1:{line.port}/mcp"
        code, output = run(LESSON, "client.py", "--url", url, "--kill", "web", *QUICK)
        assert code == 0, output
        carried = same_each_time(line.carried.decode())
    position = 0
    for shown in same_each_time(FRAMES[1]).replace("...\n", "").splitlines():
        found = carried.find(shown, position)
        assert found >= 0, f"{shown}\n{carried[-3000:]}"
        position = found + len(shown)


def test_a_server_is_built_as_shown(tmp_path: Path) -> None:
    """And it records and publishes in one round trip."""
    (shown,) = re.findall(r"```python\n(async with .*?)```", README, re.DOTALL)
    body = "\n".join(f"        {line}" for line in shown.splitlines())
    build = f"""
async def built(url):
    async with connect(url, 5) as client:
{body}
            session = await sessions.open("2025-11-25", 1)
            await server.notify(session.id, "first")
            return server.in_one_trip, await buffer.replay(session.id, None)
"""
    names: dict[str, Any] = {each.__name__: each for each in (connect, RedisSSEBroker, MCPServer)}
    names |= {each.__name__: each for each in (RedisSSEReplayBuffer, RedisSessions)}
    exec(build, names)  # noqa: S102 (our own README)
    with real_redis(tmp_path) as redis:
        in_one_trip, newest = asyncio.run(names["built"](redis.url))
    assert in_one_trip
    assert [event.message for event in newest] == ['"first"']


def test_the_picture_is_of_a_run_that_was_proven() -> None:
    picture = (LESSON / "run.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    words = ["killed", "killed", "lost", "Last-Event-ID", "replayed", "live", "answer", "proven"]
    shown = iter(re.findall("|".join(set(words)), picture.partition("begun")[2]))
    assert all(word in shown for word in words), "in this order"
    assert "sent to nobody" in picture, "the last line is whole"


def same_each_time(frames: str) -> str:
    frames = re.sub(r"\b[0-9a-f]{32}\b", "SESSION", frames)
    frames = re.sub(r"\b[0-9a-f]{18}-(\d+)\b", r"STREAM-\1", frames)
    frames = re.sub(r"x-worker: \d+", "x-worker: N", frames)
    return re.sub(r'"by":"[\d.]+"', '"by":"N"', frames)
