"""Law 10: a replay costs what was missed, not what is retained; and the ring against a plain list."""

import random
import runpy
import timeit
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Protocol

import pytest
from broken_07 import LESSON


class Buffer(Protocol):
    last: int
    name: str

    @property
    def evicted(self) -> int: ...
    def record(self, message: str) -> None: ...
    def after(self, cursor: int, limit: int) -> list[bytes]: ...
    def find(self, event_id: str) -> int: ...


class ScanningBuffer:
    """Broken: it looks for the cursor, as the SDK's example store does."""

    def __init__(self, max_events: int) -> None:
        self.last, self.evicted, self.name = 0, 0, "scanned"
        self._events: deque[tuple[int, bytes]] = deque(maxlen=max_events)

    def record(self, message: str) -> None:
        self.last += 1
        self._events.append((self.last, message.encode()))

    def after(self, cursor: int, limit: int) -> list[bytes]:
        return list(islice((event for place, event in self._events if place > cursor), limit))

    def find(self, event_id: str) -> int:
        return int(event_id.partition("-")[2])


ReplayBuffer: Callable[[int], Buffer] = runpy.run_path(str(LESSON / "replay_buffer.py"))["ReplayBuffer"]


def cost_of_the_last_ten(make: Callable[[int], Buffer], retained: int) -> float:
    """Seconds, the least of many: a busy machine adds to some of them, never to all."""
    buffer = make(retained)
    for _ in range(retained):
        buffer.record("x" * 200)
    return min(timeit.repeat(lambda: buffer.after(buffer.last - 10, 1000), number=1, repeat=200))


def costs_the_same_at_a_thousand_times_as_many(make: Callable[[int], Buffer]) -> None:
    few, many = cost_of_the_last_ten(make, 100), cost_of_the_last_ten(make, 100_000)
    assert many < 20 * few, f"replay of ten costs {many / few:.0f} times as much when more is retained"


def test_a_replay_costs_what_was_missed() -> None:
    costs_the_same_at_a_thousand_times_as_many(ReplayBuffer)


def test_a_buffer_that_scans_is_caught() -> None:
    with pytest.raises(AssertionError, match="times as much"):
        costs_the_same_at_a_thousand_times_as_many(ScanningBuffer)


@pytest.mark.parametrize("max_events", [1, 2, 7, 50])
def test_the_ring_is_a_list_of_the_newest(max_events: int) -> None:
    dice = random.Random(max_events)  # noqa: S311 (the same each time)
    buffer, oracle = ReplayBuffer(max_events), list[str]()
    for _ in range(300):
        oracle.append(f"message {len(oracle)}")
        buffer.record(oracle[-1])
        cursor = dice.randrange(buffer.evicted, buffer.last + 1)
        limit = dice.randrange(1, 60)
        assert [event.decode().split("data: ")[1].strip() for event in buffer.after(cursor, limit)] == oracle[
            cursor : cursor + limit
        ]
        assert buffer.last - buffer.evicted == min(max_events, len(oracle))
        assert buffer.find(f"{buffer.name}-{cursor}") == cursor
        if buffer.evicted:
            with pytest.raises(LookupError):
                buffer.find(f"{buffer.name}-{buffer.evicted - 1}")
