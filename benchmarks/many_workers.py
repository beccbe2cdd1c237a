# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "djangorestframework-mcp-server[redis]==0.54.0",
#     "mcp==2.3.0",
#     "mcp-persist[redis,sqlite]==2.2.0",
#     "pydocket>=0.27,<0.28",
#     "redis[hiredis]>=8,<9",
#     "rich>=15,<16",
#     "starlette>=1.10,<2",
#     "uvicorn>=0.54,<1",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""How quick lesson 11's storages are beside bare ones and their peers: `uv run benchmarks/many_workers.py`.

bare   the same command on the same client, with nothing around it: the limit
round  all contenders in turn, each a batch; a number is the least of the rounds, since what else the machine
       does only adds to some of them
kept   100,000 events of 200 bytes are in each storage before it is measured
"""

import argparse
import asyncio
import itertools
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, closing
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import messages
from peer_stores import set_up_django

LESSON = Path(__file__).parent.parent / "11_many_workers"
SESSION, MISSED = "0123456789abcdef0123456789abcdef", 10
Once = Callable[[], Awaitable[Any]]
BARE, THIS, REST, PERSIST = "bare", "lesson 11", "rest_framework_mcp", "mcp-persist"


async def on_redis(client: Any, stack: AsyncExitStack, kept: int) -> dict[str, tuple[Once, Once]]:
    """For each contender: record one (the lesson publishes it too), and replay the last ten."""
    text, payload = messages.text(1), messages.payload(1)
    lesson_buffer, broker, server = (import_module(name) for name in ("replay_buffer", "broker", "server"))

    async def bare_record() -> Any:
        return await client.xadd("bare", {"m": text}, maxlen=kept, approximate=True)

    async def bare_replay() -> Any:
        return await client.xrange("bare", min=b"(" + cursor[BARE], count=1000)

    live = await stack.enter_async_context(broker.RedisSSEBroker(client))
    buffer = lesson_buffer.RedisSSEReplayBuffer(client, kept)
    ours = server.MCPServer(sse_broker=live, sse_replay_buffer=buffer)

    async def our_record() -> Any:
        return await ours.notify(SESSION, payload)

    async def our_replay() -> Any:
        return await buffer.replay(SESSION, cursor[THIS])

    rest = import_module("rest_framework_mcp.transport.redis_sse_replay_buffer")
    theirs = rest.RedisSSEReplayBuffer(client, max_events=kept)

    async def rest_record() -> Any:
        return await theirs.record(SESSION, payload)

    async def rest_replay() -> Any:
        return [event async for event in theirs.replay(SESSION, cursor[REST])]

    store = import_module("mcp_persist").RedisEventStore(client, ttl=3600, max_stream_length=kept)
    persist_record, persist_replay, cursor = of_sdk(store)
    contenders = {
        BARE: (bare_record, bare_replay),
        THIS: (our_record, our_replay),
        REST: (rest_record, rest_replay),
        PERSIST: (persist_record, persist_replay),
    }
    for name, (record, _) in contenders.items():
        for left in range(kept, 0, -1):
            given = await record()
            if left == MISSED + 1:
                cursor[name] = given.id if name == THIS else given
    return contenders


def of_sdk(store: Any) -> tuple[Once, Once, dict[str, Any]]:
    notification = import_module("mcp_types").JSONRPCNotification(**messages.payload(1))
    cursor: dict[str, Any] = {}

    async def record() -> Any:
        return await store.store_event("_GET_stream", notification)

    async def replay() -> Any:
        events: list[Any] = []

        async def send(event: Any) -> None:
            events.append(event)

        await store.replay_events_after(cursor[PERSIST], send)
        return events

    return record, replay, cursor


async def on_sqlite(folder: Path, stack: AsyncExitStack, kept: int) -> dict[str, tuple[Once, Once]]:
    text = messages.text(1)
    bare = stack.enter_context(closing(sqlite3.connect(folder / "bare.db", isolation_level=None)))
    bare.execute("PRAGMA journal_mode = WAL")
    bare.execute("PRAGMA synchronous = NORMAL")
    bare.execute("CREATE TABLE e (place INTEGER PRIMARY KEY, session TEXT, message TEXT)")

    async def bare_record() -> Any:
        return bare.execute("INSERT INTO e (session, message) VALUES (?, ?)", (SESSION, text)).lastrowid

    async def bare_replay() -> Any:
        return bare.execute(
            "SELECT place, message FROM e WHERE place > ? LIMIT 1000", (cursor[BARE],)
        ).fetchall()

    buffer = import_module("replay_buffer").SQLiteSSEReplayBuffer(folder / "ours.db", kept)
    stack.enter_context(closing(buffer))

    async def our_record() -> Any:
        return await buffer.record(SESSION, text)

    async def our_replay() -> Any:
        return await buffer.replay(SESSION, cursor[THIS])

    creating = import_module("mcp_persist").SQLiteEventStore.create(str(folder / "persist.db"))
    persist_record, persist_replay, cursor = of_sdk(await stack.enter_async_context(creating))
    contenders = {
        BARE: (bare_record, bare_replay),
        THIS: (our_record, our_replay),
        PERSIST: (persist_record, persist_replay),
    }
    for name, (record, _) in contenders.items():
        for left in range(kept if name != PERSIST else min(kept, 20_000), 0, -1):
            given = await record()
            if left == MISSED + 1:
                cursor[name] = given.id if name == THIS else given
    return contenders


async def measured(
    contenders: dict[str, tuple[Once, Once]], rounds: int, batch: int
) -> dict[str, tuple[float, float]]:
    """Seconds for a replay and for a record: replays first, since a record moves the last ten on."""
    seconds: dict[tuple[str, int], list[float]] = {}
    names = list(contenders)
    for which in (1, 0):
        for turn in range(rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                once = contenders[name][which]
                if which and len(await once()) != MISSED:
                    raise RuntimeError(f"{name} did not replay the last {MISSED}")
                began = time.perf_counter()
                for _ in itertools.repeat(None, batch):
                    await once()
                seconds.setdefault((name, which), []).append((time.perf_counter() - began) / batch)
    return {name: (min(seconds[name, 0]), min(seconds[name, 1])) for name in contenders}


def shown(title: str, found: dict[str, tuple[float, float]], bars: tuple[float, float]) -> list[Table | str]:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("", "record, µs", "replay the last 10, µs"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, times in found.items():
        cells = [f"{t * 1e6:,.0f} ({t / bare:.2f}x)" for t, bare in zip(times, found[BARE], strict=True)]
        table.add_row(name, *cells)
    lines: list[Table | str] = [table]
    for what, which, most in (("record", 0, bars[0]), ("replay", 1, bars[1])):
        ratio = found[THIS][which] / found[BARE][which]
        lines.append(f"{what}: {ratio:.2f} times bare, wanted at most {most:g}: {word(ratio <= most)}")
    peers = [times[0] for name, times in found.items() if name not in (BARE, THIS)]
    lines.append(f"record, quicker than the peers: {word(found[THIS][0] < min(peers))}")
    return lines


def word(met: bool) -> str:
    return "met" if met else "missed"


async def memory_of_a_session(client: Any) -> str:
    """What Redis keeps for an idle session with no event, and for one more event."""
    sessions, buffers = import_module("sessions"), import_module("replay_buffer")
    store, buffer = sessions.RedisSessions(client, 3600), buffers.RedisSSEReplayBuffer(client, 100_000)

    async def used() -> int:
        return int((await client.info("memory"))["used_memory"])

    before = await used()
    opened = [await store.open("2025-11-25", 10**9) for _ in range(2000)]
    idle = (await used() - before) / len(opened)
    for session in opened[:200]:
        for _ in range(100):
            await buffer.record(session.id, messages.text(1))
    each = (await used() - before - idle * len(opened)) / (200 * 100)
    return f"an idle session keeps {idle:,.0f} bytes in Redis, an event of 200 bytes {each:,.0f} more"


async def main(flags: argparse.Namespace) -> None:
    console = Console(highlight=False, width=100)
    sys.path.append(str(LESSON))
    set_up_django()
    redis_server, storage = import_module("redis_server"), import_module("storage")
    kept, rounds, batch = (2000, 3, 20) if flags.quick else (100_000, 30, 200)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        program = redis_server.find()
        if program is None:
            sys.exit("There is no Redis here: install one, and run this again.")
        redis = redis_server.RedisServer(program, Path(folder), "--appendonly", "no")
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(storage.connect(redis.url, 10))
                version = (await client.info("server"))["redis_version"]
                found = await measured(await on_redis(client, stack, kept), rounds, batch)
                for line in shown(f"Redis {version}, {kept:,} kept, no file", found, (1.3, 1.3)):
                    console.print(line)
                console.print(await memory_of_a_session(client))
        finally:
            redis.kill()
        async with AsyncExitStack() as stack:
            found = await measured(await on_sqlite(Path(folder), stack, kept), rounds, batch)
            title = f"SQLite {sqlite3.sqlite_version}, {kept:,} kept (mcp-persist: 20,000)"
            for line in shown(title, found, (2, 3)):
                console.print(line)
    took = time.perf_counter() - began
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {took:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How quick lesson 11's storages are.")
    parser.add_argument("--quick", action="store_true", help="a try: its numbers mean nothing")
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(130)
