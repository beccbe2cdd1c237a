"""Measures the stores of lessons 07 to 09: interleaved rounds, and of each cell the median.

pause  the longest single call, while all that a full store keeps has become too old and is freed;
       None for a store that does not forget by age
"""

import asyncio
import gc
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from statistics import median

from window_stores import Lesson, Store, empty

MISSED = 10
CALLS = 200  # of each kind in a round


@dataclass
class WindowRow:
    """Seconds for a record and a replay of the last 10, by events kept, and for the longest pause."""

    name: str
    record: dict[int, float] = field(default_factory=dict[int, float])
    replay: dict[int, float] = field(default_factory=dict[int, float])
    pause: float | None = None


def measure(names: list[str], kept: list[int], rounds: int) -> list[WindowRow]:
    rows = [WindowRow(name) for name in names]
    asyncio.run(take_turns(rows, kept, rounds))
    asyncio.run(pauses(rows, max(kept), rounds))
    return rows


async def full(name: str, kept: int) -> Store:
    store = await empty(name, kept)
    for _ in range(kept):
        await store.record()
    return store


async def take_turns(rows: list[WindowRow], kept: list[int], rounds: int) -> None:
    cells = [(row, number, await full(row.name, number)) for number in kept for row in rows]
    gc.collect()
    gc.freeze()  # a collection in one store's turn would else walk the events of all the others
    times: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for turn in range(rounds + 1):
        for row, number, store in cells[turn % len(cells) :] + cells[: turn % len(cells)]:
            record, replay = await per_record(store), await per_replay(store)
            if turn:  # the first round is for warmth
                times["record", row.name, number].append(record)
                times["replay", row.name, number].append(replay)
    gc.unfreeze()
    for row in rows:
        row.record = {number: median(times["record", row.name, number]) for number in kept}
        row.replay = {number: median(times["replay", row.name, number]) for number in kept}
    for _, _, store in cells:
        await store.close()


async def per_record(store: Store) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        await store.record()
    return (time.process_time() - began) / CALLS


async def per_replay(store: Store) -> float:
    event_id = await store.record()
    for _ in range(MISSED):
        await store.record()
    began = time.process_time()
    for _ in range(CALLS):
        if await store.replay(event_id) != MISSED:
            raise RuntimeError(f"{store} did not replay the last {MISSED}")
    return (time.process_time() - began) / CALLS


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await call()
    return time.process_time() - began


async def pauses(rows: list[WindowRow], kept: int, rounds: int) -> None:
    """By the time that this process has worked: what others on the machine do is no pause of ours."""
    longest: dict[str, list[float]] = defaultdict(list)
    for _ in range(max(1, rounds // 3)):
        for row in rows:
            store = await full(row.name, kept)
            if not store.ages:
                await store.close()
                continue
            await store.expire()
            gc.collect()
            gc.disable()
            calls = [await timed(store.free)]
            for _ in range(kept // 200):
                calls.append(await timed(store.record))
            gc.enable()
            longest[row.name].append(max(calls))
            await store.close()
            if isinstance(store, Lesson) and len(store.window) > kept // 200:
                raise RuntimeError(f"{len(store.window)} events are kept, and most are too old")
    for row in rows:
        row.pause = median(longest[row.name]) if row.name in longest else None


def window_bytes(events: int, size: int) -> int:
    """What a session's full window keeps in memory, its messages being so large."""
    store = Lesson(events)
    store.text = "x" * size
    gc.collect()
    tracemalloc.start()
    for _ in range(events):
        store.window.record(store.stream, store.text)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept
