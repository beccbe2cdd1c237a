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

round    all storages in turn, each a batch; a number is the median of the rounds, and so is what stands in
         brackets: how much longer than the bare one, in the same round
kept     100,000 events of 200 bytes are in each storage before it is measured
at once  a hundred ask together, as the sessions of a busy worker do: what one of them costs

The peers are in this script's own environment. `--quick` leaves them out, and measures so little that only
the shape of the result holds.
"""

import argparse
import asyncio
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

import messages
from storages import BARE, MISSED, PERSIST, THIS, Storage, in_memory, on_redis, on_sqlite

TOGETHER = 100
REPLAY, RECORD, AT_ONCE = "replay the last 10", "record", "record, at once"
console = Console(highlight=False, width=110)


@dataclass
class Pace:
    kept: int
    rounds: int
    batch: int


async def one_by_one(ask: Callable[[], Awaitable[Any]], batch: int) -> None:
    for _ in range(batch):
        await ask()


async def at_once(ask: Callable[[], Awaitable[Any]], batch: int) -> None:
    each = max(1, batch // TOGETHER)
    await asyncio.gather(*(one_by_one(ask, each) for _ in range(batch // each)))


Found = dict[str, dict[str, list[float]]]  # of each thing and storage the seconds, round by round


async def measured(storages: dict[str, Storage], pace: Pace, *wanted: str) -> Found:
    """Replays first: a record moves the last ten on."""
    for name, storage in storages.items():
        await storage.fill(min(pace.kept, 20_000) if name == PERSIST else pace.kept)
        if len(await storage.replay()) != MISSED:
            raise RuntimeError(f"{name} did not replay the last {MISSED}")
    found: Found = {what: {name: [] for name in storages} for what in wanted}
    names = list(storages)
    for what in wanted:
        for turn in range(pace.rounds):
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                storage = storages[name]
                ask, share = (storage.replay, storage.replays) if what == REPLAY else (storage.record, 1.0)
                batch = max(1, round(pace.batch * share))
                began = time.perf_counter()
                await (at_once if what == AT_ONCE else one_by_one)(ask, batch)
                found[what][name].append((time.perf_counter() - began) / batch)
    return found


def times(found: dict[str, list[float]], name: str, other: str) -> float:
    """How many times longer it takes than the other."""
    return median(one / two for one, two in zip(found[name], found[other], strict=True))


def show(title: str, found: Found, bars: dict[str, float]) -> None:
    shown = [what for what in (RECORD, AT_ONCE, REPLAY) if what in found]
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("", *(f"{what}, µs" for what in shown)):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name in found[REPLAY]:
        pairs = [(median(found[what][name]), times(found[what], name, BARE)) for what in shown]
        table.add_row(name, *(f"{seconds * 1e6:.3g} ({ratio:.2f}x)" for seconds, ratio in pairs))
    console.print(table)
    for what, most in bars.items():
        ratio = times(found[what], THIS, BARE)
        console.print(f"{what}: {ratio:.2f} times bare, wanted at most {most:g}: {word(ratio <= most)}")
    for peer in [name for name in found[RECORD] if name not in (BARE, THIS)]:
        ratio = times(found[RECORD], THIS, peer)
        console.print(f"record: {ratio:.2f} times {peer}, wanted at most 1: {word(ratio <= 1)}")


def word(met: bool) -> str:
    return "met" if met else "missed"


async def memory_of_a_session(client: Any) -> str:
    """What Redis keeps for an idle session with no event, and for one more event."""
    sessions, buffers = import_module("on_redis.sessions"), import_module("on_redis.replay_buffer")
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


def apart(*pids: int) -> None:
    """A core for each, where that can be said: a round trip takes as long as the kernel places them."""
    if sys.platform == "linux":
        cores = sorted(os.sched_getaffinity(0))
        for place, pid in enumerate(pids):
            os.sched_setaffinity(pid, {cores[place % len(cores)]})


async def main(*, quick: bool) -> None:
    pace = Pace(2000, 3, 200) if quick else Pace(100_000, 30, 400)
    redis_server, storage = import_module("on_redis.own_server"), import_module("starting.storage")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        many = Pace(pace.kept, pace.rounds, 50 * pace.batch)
        found = await measured(in_memory(pace.kept, peers=not quick), many, REPLAY, RECORD)
        show(f"In memory, {pace.kept:,} kept", found, {})
        program = redis_server.find()
        if program is None:
            sys.exit("There is no Redis here: install one, and run this again.")
        redis = redis_server.RedisServer(program, Path(folder), "--appendonly", "no")
        apart(os.getpid(), redis.pid)
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(storage.connect(redis.url, 10))
                version = (await client.info("server"))["redis_version"]
                storages = await on_redis(client, stack, pace.kept, peers=not quick)
                found = await measured(storages, pace, REPLAY, RECORD, AT_ONCE)
                show(f"Redis {version}, {pace.kept:,} kept, no file", found, {REPLAY: 1.3, RECORD: 1.3})
                console.print(await memory_of_a_session(client))
        finally:
            redis.kill()
        async with AsyncExitStack() as stack:
            storages = await on_sqlite(Path(folder), stack, pace.kept, peers=not quick)
            found = await measured(storages, pace, REPLAY, RECORD)
            note = "" if quick else " (mcp-persist: 20,000)"
            show(f"SQLite {sqlite3.sqlite_version}, {pace.kept:,} kept{note}", found, {REPLAY: 3, RECORD: 2})
    took = time.perf_counter() - began
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {took:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="How quick lesson 11's storages are.")
    parser.add_argument("--quick", action="store_true", help="a try: its numbers mean nothing")
    try:
        asyncio.run(main(quick=parser.parse_args().quick))
    except KeyboardInterrupt:
        sys.exit(130)
