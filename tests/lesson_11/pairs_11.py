"""Pairs of a buffer and a broker, on a real Redis, and a reader of what they bring."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager, closing
from pathlib import Path

from broker import SSEBroker
from in_memory.broker import InMemorySSEBroker
from in_memory.replay_buffer import InMemorySSEReplayBuffer
from in_memory.sessions import InMemorySessions
from jobs.counted_steps import with_steps
from jobs.steps import StepBuffer
from on_redis.broker import RedisSSEBroker
from on_redis.own_server import RedisServer
from on_redis.replay_buffer import RedisSSEReplayBuffer
from on_redis.sessions import RedisSessions
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from replay_buffer import id_of, stream_of
from server import MCPServer
from sessions import Session, SessionStore
from starting.limits import Limits
from starting.storage import connect


@asynccontextmanager
async def in_memory(_redis: RedisServer, _folder: Path, limits: Limits) -> AsyncGenerator[StepBuffer]:
    yield with_steps(InMemorySSEReplayBuffer(limits.max_events), limits)


@asynccontextmanager
async def on_sqlite(_redis: RedisServer, folder: Path, limits: Limits) -> AsyncGenerator[StepBuffer]:
    with closing(
        SQLiteSSEReplayBuffer(folder / "events.db", limits.max_events, limits.max_session_events)
    ) as buffer:
        yield buffer


@asynccontextmanager
async def on_redis(redis: RedisServer, _folder: Path, limits: Limits) -> AsyncGenerator[StepBuffer]:
    async with connect(redis.url, 5) as client:
        yield RedisSSEReplayBuffer(client, limits.max_events, limits.max_session_events)


BUFFERS: dict[str, Callable[[RedisServer, Path, Limits], AbstractAsyncContextManager[StepBuffer]]] = {
    "memory": in_memory,
    "sqlite": on_sqlite,
    "redis": on_redis,
}
BROKERS = ("memory", "redis")
PAIRS = [(buffer, broker) for buffer in BUFFERS for broker in BROKERS]


@asynccontextmanager
async def pair(kinds: tuple[str, str], redis: RedisServer, folder: Path) -> AsyncGenerator[MCPServer]:
    """A server on a pair; where both are Redis they share a client, and so a round trip."""
    limits = Limits(ping=5.0, max_events=100_000)
    async with AsyncExitStack() as stack:
        buffer = await stack.enter_async_context(BUFFERS[kinds[0]](redis, folder, limits))
        broker: SSEBroker = InMemorySSEBroker()
        sessions: SessionStore = InMemorySessions(60)
        if kinds[1] == "redis":
            client = buffer.client if isinstance(buffer, RedisSSEReplayBuffer) else None
            client = client or await stack.enter_async_context(connect(redis.url, 5))
            broker = await stack.enter_async_context(RedisSSEBroker(client))
            sessions = RedisSessions(client, 60)
        yield MCPServer(sse_broker=broker, sse_replay_buffer=buffer, sessions=sessions, limits=limits)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(40):
            await test()

    asyncio.run(in_time())


async def opened_in(server: MCPServer) -> Session:
    session = await server.sessions.open("2025-11-25", 10**6)
    assert session
    return session


async def found_in(server: MCPServer, session_id: str) -> Session:
    session = await server.sessions.use(session_id)
    assert session
    return session


class Reader:
    """Reads a session's stream on as many connections as a test wants."""

    def __init__(self, server: MCPServer) -> None:
        self.server, self.cursor, self.numbers = server, "", list[int]()
        self.ids: list[str] = []

    async def open(self) -> "Reader":
        opened = await opened_in(self.server)
        self.session_id = opened.id
        self.cursor = id_of(stream_of(opened.id), 0)
        return self

    async def read(self, until: int, most: int = 10**9) -> None:
        """One connection, lost after `most` messages, inside a write or between two."""
        session = await found_in(self.server, self.session_id)
        await self.server.sessions.read_by(session.id, f"reader-{id(self)}-{len(self.ids)}")
        session = await found_in(self.server, self.session_id)
        await self.server.broker.hand_over(session.id, session.reader, stream_of(session.id))
        got = 0
        async with aclosing(self.server.follow(session, self.cursor, b"")) as stream:
            async for written in stream:
                for event in written.decode().split("\n\n"):
                    if event.startswith("event: message\n") and got < most:
                        _, name, data = event.split("\n")
                        self.cursor = name.removeprefix("id: ")
                        self.ids.append(self.cursor)
                        self.numbers.append(json.loads(data.removeprefix("data: ")))
                        got += 1
                if got >= most or len(self.numbers) >= until:
                    return


async def sent(server: MCPServer, session_id: str, count: int, pause: float = 0.0) -> None:
    for number in range(count):
        await server.notify(session_id, number)
        if number % 10 == 0 or pause:
            await asyncio.sleep(pause)
