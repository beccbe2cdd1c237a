"""Measures the stores: interleaved rounds, and of each cell the median.

kept   how many events a store retains; it is full, so that each record also evicts one
cell   one operation of one store with so many kept
batch  as many operations as fit in so many seconds, since one alone is too quick for a clock
"""

import asyncio
import gc
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle, islice
from statistics import median
from typing import Any

from peer_stores import empty, full
from stores import Store

MISSED = 10  # events that a replay brings
BYTES_KEPT = 1000


@dataclass
class StoreRow:
    """Seconds for a record with the most events kept, and for a replay of the last 10 by events kept."""

    name: str
    record: float = 0.0
    replay: dict[int, float] = field(default_factory=dict[int, float])
    bytes_each: float = 0.0


def measure(names: list[str], kept: list[int], rounds: int, batch: float) -> list[StoreRow]:
    rows = [StoreRow(name) for name in names]
    for row in rows:
        row.bytes_each = asyncio.run(bytes_each(row.name))
    asyncio.run(take_turns(rows, kept, rounds, batch))
    return rows


async def take_turns(rows: list[StoreRow], kept: list[int], rounds: int, batch: float) -> None:
    """All stores of all sizes in each round, for a machine is seldom as quick a second later."""
    cells = [(row, number, await full(row.name, number)) for number in kept for row in rows]
    gc.collect()
    gc.freeze()  # a collection in one store's turn would else walk the events of all the others
    records: dict[str, list[float]] = defaultdict(list)
    replays: dict[tuple[str, int], list[float]] = defaultdict(list)
    for turn in range(rounds):
        for row, number, store in cells[turn % len(cells) :] + cells[: turn % len(cells)]:
            replays[row.name, number].append(await per_replay(store, batch))
            if number == max(kept):
                records[row.name].append(await per_record(store, batch))
    gc.unfreeze()
    for row in rows:
        row.record = median(records[row.name])
        row.replay = {number: median(replays[row.name, number]) for number in kept}


async def per_record(store: Store, batch: float) -> float:
    natural = [store.natural(number) for number in range(1000)]

    async def run(times: int) -> None:
        await store.record(islice(cycle(natural), times))

    return await per_operation(run, batch)


async def per_replay(store: Store, batch: float) -> float:
    event_id = await store.record([store.natural(0)])
    await store.record([store.natural(number) for number in range(MISSED)])

    async def run(times: int) -> None:
        if await store.replay(event_id, times) != MISSED:
            raise RuntimeError(f"{store} did not replay the last {MISSED}")

    return await per_operation(run, batch)


async def per_operation(run: Callable[[int], Awaitable[Any]], batch: float) -> float:
    """Seconds of this process, so that others on the machine do not count (a store waits for nothing).

    The first try is for warmth, and tells how many make a batch.
    """
    began = time.process_time()
    await run(1)
    times = max(1, min(50_000, round(batch / (time.process_time() - began))))
    began = time.process_time()
    await run(times)
    return (time.process_time() - began) / times


async def bytes_each(name: str) -> float:
    """What one more event of 200 bytes keeps in memory, measured over 1,000 of them."""
    store = empty(name, 2 * BYTES_KEPT)
    await store.record(map(store.natural, range(BYTES_KEPT)))  # what a store sets up once is not the event's
    gc.collect()
    tracemalloc.start()
    await store.record(map(store.natural, range(BYTES_KEPT)))
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept / BYTES_KEPT
