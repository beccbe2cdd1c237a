"""Lesson 11's storages and those beside them, each asked to record one message and to replay the last ten.

bare  the same command on the same client, with nothing around it: the limit
"""

import asyncio
import sqlite3
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import messages

sys.path.append(str(Path(__file__).parent.parent / "11_many_workers"))
SESSION, MISSED = "0123456789abcdef0123456789abcdef", 10
BARE, THIS, REST, PERSIST = "bare", "lesson 11", "rest_framework_mcp", "mcp-persist"
TEXT, PAYLOAD = messages.text(1), messages.payload(1)


@dataclass
class Storage:
    """`after(cursor)` replays; the cursor is what `record` gave ten messages before the last."""

    record: Callable[[], Awaitable[Any]]
    after: Callable[[Any], Awaitable[Any]]
    cursor: Any = None
    replays: float = 1.0  # the share of a batch: fewer where a replay looks at all that is kept

    async def fill(self, kept: int) -> None:
        for _ in range(0, kept, 100):
            await asyncio.gather(*(self.record() for _ in range(100)))
        given = await self.record()
        self.cursor = getattr(given, "id", given)
        for _ in range(MISSED):
            await self.record()

    async def replay(self) -> Any:
        return await self.after(self.cursor)


def ours(buffer: Any) -> Storage:
    return Storage(lambda: buffer.record(SESSION, TEXT), lambda cursor: buffer.replay(SESSION, cursor))


def of_rest(buffer: Any, replays: float = 1.0) -> Storage:
    async def after(cursor: Any) -> list[Any]:
        return [event async for event in buffer.replay(SESSION, cursor)]

    return Storage(lambda: buffer.record(SESSION, PAYLOAD), after, replays=replays)


def in_memory(kept: int, *, peers: bool) -> dict[str, Storage]:
    events: deque[str] = deque(maxlen=kept)
    last = 0

    async def record() -> int:
        nonlocal last
        last += 1
        events.append(TEXT)
        return last

    async def after(cursor: int) -> list[str]:
        return [events[place] for place in range(cursor - last, 0)]

    found = {
        BARE: Storage(record, after),
        THIS: ours(import_module("in_memory.replay_buffer").InMemorySSEReplayBuffer(kept)),
    }
    if peers:
        import_module("peer_stores").set_up_django()
        theirs = import_module("rest_framework_mcp").InMemorySSEReplayBuffer(max_events=kept)
        found[REST] = of_rest(theirs, replays=0.001)
    return found


async def on_redis(client: Any, stack: AsyncExitStack, kept: int, *, peers: bool) -> dict[str, Storage]:
    """The lesson publishes too."""
    broker = await stack.enter_async_context(import_module("on_redis.broker").RedisSSEBroker(client))
    buffer = import_module("on_redis.replay_buffer").RedisSSEReplayBuffer(client, kept)
    sessions = import_module("on_redis.sessions").RedisSessions(client, 3600)
    server = import_module("server").MCPServer(sse_broker=broker, sse_replay_buffer=buffer, sessions=sessions)
    session = (await sessions.open("2025-11-25", 1)).id
    found = {
        BARE: Storage(
            lambda: client.xadd("bare", {"m": TEXT}, maxlen=kept, approximate=True),
            lambda cursor: client.xrange("bare", min=b"(" + cursor, count=1000),
        ),
        THIS: Storage(lambda: server.notify(session, PAYLOAD), lambda cursor: buffer.replay(session, cursor)),
    }
    if peers:
        import_module("peer_stores").set_up_django()
        rest: Any = import_module("rest_framework_mcp.transport.redis_sse_replay_buffer")
        found[REST] = of_rest(rest.RedisSSEReplayBuffer(client, max_events=kept))
        persist: Any = import_module("mcp_persist")
        found[PERSIST] = of_sdk(persist.RedisEventStore(client, ttl=3600, max_stream_length=kept))
    return found


async def on_sqlite(folder: Path, stack: AsyncExitStack, kept: int, *, peers: bool) -> dict[str, Storage]:
    bare = stack.enter_context(closing(sqlite3.connect(folder / "bare.db", isolation_level=None)))
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = NORMAL")
    bare.execute("CREATE TABLE e (place INTEGER PRIMARY KEY, session TEXT, message TEXT)")

    async def record() -> Any:
        return bare.execute("INSERT INTO e (session, message) VALUES (?, ?)", (SESSION, TEXT)).lastrowid

    async def after(cursor: int) -> Any:
        return bare.execute("SELECT place, message FROM e WHERE place > ? LIMIT 1000", (cursor,)).fetchall()

    buffer = import_module("on_sqlite.replay_buffer").SQLiteSSEReplayBuffer(folder / "ours.db", kept)
    found = {BARE: Storage(record, after), THIS: ours(stack.enter_context(closing(buffer)))}
    if peers:
        persist: Any = import_module("mcp_persist")
        creating = persist.SQLiteEventStore.create(str(folder / "persist.db"), ttl=86_400)
        found[PERSIST] = of_sdk(await stack.enter_async_context(creating))
    return found


def of_sdk(store: Any) -> Storage:
    """An event store of the official SDK's kind."""
    notification = import_module("mcp_types").JSONRPCNotification(**PAYLOAD)

    async def after(cursor: Any) -> list[Any]:
        events: list[Any] = []

        async def send(event: Any) -> None:
            events.append(event)

        await store.replay_events_after(cursor, send)
        return events

    return Storage(lambda: store.store_event("_GET_stream", notification), after)
