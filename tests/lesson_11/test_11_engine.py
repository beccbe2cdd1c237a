"""The engine in trouble: it loses Redis, or Redis comes back older than it was. No build hangs."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from pairs_11 import opened_in
from redis_11 import real_redis

from jobs.build import Build
from on_redis.own_server import RedisServer
from server import MCPServer
from sessions import Session
from starting.limits import Limits, Settings
from starting.storage import TROUBLE, Storage, connect, opened
from worker import Work, working

STEPS = 12


class Playing(NamedTuple):
    storage: Storage
    work: Work
    session: Session

    async def build(self, call: int, steps: int, interval: float) -> str:
        return await self.work.begin(self.session.id, call, Build(steps=steps, interval=interval))

    async def until(self, streams: list[str], messages: int) -> None:
        """Until each stream has had so many messages; whether Redis is there does not matter."""
        async with asyncio.timeout(40):
            for stream in streams:
                while await self._had(stream) < messages:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    async def _had(self, stream: str) -> int:
        try:
            return await self.storage.buffer.steps_done(self.session.id, stream)
        except TROUBLE:
            return 0


@asynccontextmanager
async def playing(url: str, limits: Limits) -> AsyncGenerator[Playing]:
    async with opened(Settings(limits, "redis", url)) as storage:
        server = MCPServer(
            sse_broker=storage.broker,
            sse_replay_buffer=storage.buffer,
            sessions=storage.sessions,
            limits=limits,
        )
        async with working(storage, server, limits) as work:
            yield Playing(storage, work, await opened_in(server))


async def tell(url: str, *command: str) -> None:
    async with connect(url, 5) as client:
        await client.execute_command(*command)  # pyright: ignore[reportUnknownMemberType]


@pytest.mark.parametrize("interval", [0.4, 0.1], ids=["asleep", "napping"])
def test_no_build_hangs_where_redis_comes_back_older(interval: float, tmp_path: Path) -> None:
    """What the engine and the notes know then is some steps behind what was done."""

    async def test(redis: RedisServer) -> None:
        async with playing(redis.url, Limits(lease=0.6)) as play:
            streams = [await play.build(call, STEPS, interval) for call in range(4)]
            await play.until(streams, 3)
            await tell(redis.url, "SAVE")
            await play.until(streams, 6)
            redis.kill()
            redis.again()
            await play.until(streams, STEPS + 2)

    with real_redis(tmp_path, "--appendonly", "no") as redis:
        asyncio.run(test(redis))


def kill_connections(redis: RedisServer) -> Awaitable[None]:
    return tell(redis.url, "CLIENT", "KILL", "TYPE", "normal")


async def start_again(redis: RedisServer) -> None:
    redis.kill()
    redis.again()


@pytest.mark.parametrize("trouble", [kill_connections, start_again])
def test_a_turn_does_not_hold_up_an_engine_that_has_lost_redis(
    trouble: Callable[[RedisServer], Awaitable[None]], tmp_path: Path
) -> None:
    """It waits for the turns under way before it connects again, and one of them is long."""

    async def test(redis: RedisServer) -> None:
        async with playing(redis.url, Limits(lease=0.6, turn=1000)) as play:
            napping = await play.build(1, 100_000, 0.1)
            asleep = await play.build(2, STEPS, 0.4)
            await play.until([napping, asleep], 3)
            await trouble(redis)
            await play.until([asleep], STEPS + 2)

    with real_redis(tmp_path) as redis:
        asyncio.run(test(redis))
