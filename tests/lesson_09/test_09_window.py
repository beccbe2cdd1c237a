"""The window against a plain list; law 10; memory that is flat; and no pause, however much is too old."""

import random
import runpy
import sys
import timeit
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from broken_09 import LESSON

from workshop.breaks import Edit, edited


class Stream(Protocol):
    name: str
    last: int
    freed: int

    @property
    def evicted(self) -> int: ...
    def id_of(self, place: int) -> str: ...
    def after(self, cursor: int, limit: int) -> list[bytes]: ...


class Window(Protocol):
    def __len__(self) -> int: ...
    def open(self) -> Stream: ...
    def record(self, stream: Stream, message: str) -> None: ...
    def close(self, stream: Stream) -> None: ...
    def find(self, event_id: str) -> tuple[Stream, int]: ...


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def module(lesson: Path) -> dict[str, Any]:
    return runpy.run_path(str(lesson / "replay_buffer.py"))


HERE = module(LESSON)
Make = Callable[..., Window]
make: Make = HERE["ReplayBuffer"]
AT_ONCE: int = HERE["FREED_AT_ONCE"]
EvictedError: type[LookupError] = HERE["EvictedError"]
NotIssuedError: type[LookupError] = HERE["NotIssuedError"]


@pytest.mark.parametrize("seed", range(6))
def test_it_is_a_list_of_the_newest(seed: int) -> None:
    """Several streams, time that goes on by chance, and each cursor that there is: exact at each moment."""
    dice, clock = random.Random(seed), Clock()  # noqa: S311 (the same each time)
    max_events, max_age = dice.randrange(1, 40), 10.0
    window = make(max_events, max_age, deque[Window](), clock)
    streams = [window.open() for _ in range(3)]
    told: list[tuple[float, Stream, int]] = []
    for _ in range(150):
        clock.now += dice.choice((0, 0, 0.1, 1, 4))
        if dice.random() < 0.9:
            stream = dice.choice(streams)
            window.record(stream, f"message {len(told)}")
            told.append((clock.now, stream, len(told)))
        else:
            clock.now += dice.choice((0, 9.9, 30))
        kept = [event for event in told[-max_events:] if event[0] >= clock.now - max_age]
        for stream in streams:
            numbers = [number for _, owner, number in kept if owner is stream]
            evicted = stream.last - len(numbers)
            assert stream.evicted == evicted
            for cursor in range(stream.last + 1):
                if cursor < evicted:
                    with pytest.raises(EvictedError):
                        window.find(stream.id_of(cursor))
                    continue
                assert window.find(stream.id_of(cursor)) == (stream, cursor)
                limit = dice.randrange(1, 9)
                came = [event.decode().split("message ")[1].strip() for event in stream.after(cursor, limit)]
                assert came == [str(number) for number in numbers[cursor - evicted :][:limit]]
            with pytest.raises(NotIssuedError):
                window.find(stream.id_of(stream.last + 1))


def all_too_old(make: Make, events: int) -> tuple[Window, Stream]:
    clock = Clock()
    window = make(events, 10.0, deque[Window](), clock)
    stream = window.open()
    for number in range(events):
        window.record(stream, str(number))
    clock.now += 11
    return window, stream


def no_call_frees_many(make: Make) -> None:
    """All of it is evicted at once; it is freed little by little, by whoever comes."""
    window, stream = all_too_old(make, 100_000)
    calls = 0
    while len(window):
        before = stream.freed
        with pytest.raises(LookupError):
            window.find(stream.id_of(99_999))
        assert stream.freed - before <= 1000, f"unbounded: {stream.freed - before} events freed in one call"
        calls += 1
    assert 100_000 // AT_ONCE <= calls <= 100_000 // AT_ONCE + 2


def test_no_call_frees_many() -> None:
    no_call_frees_many(make)


def test_a_window_that_frees_all_at_once_is_caught(tmp_path: Path) -> None:
    broken = edited(
        LESSON, tmp_path, Edit("replay_buffer.py", "FREED_AT_ONCE = 256", "FREED_AT_ONCE = 10**6")
    )
    with pytest.raises(AssertionError, match="unbounded: 100000 events freed in one call"):
        no_call_frees_many(module(broken)["ReplayBuffer"])


def a_silent_neighbour_keeps_nothing_old(make: Make) -> None:
    """Nobody comes to the one session any more: what the other records frees its events."""
    clock, neighbours = Clock(), deque[Window]()
    silent, busy = make(500, 10.0, neighbours, clock), make(500, 10.0, neighbours, clock)
    stream, other = silent.open(), busy.open()
    for number in range(500):
        silent.record(stream, str(number))
    clock.now += 11
    for number in range(8):
        busy.record(other, str(number))
    assert len(silent) == 0, f"unbounded: {len(silent)} events that are too old are kept"


def test_a_silent_neighbour_keeps_nothing_old() -> None:
    a_silent_neighbour_keeps_nothing_old(make)


def test_a_window_that_looks_after_itself_only_is_caught(tmp_path: Path) -> None:
    broken = edited(
        LESSON, tmp_path, Edit("replay_buffer.py", "self._neighbours[0].free_what_is_old(now)", "pass")
    )
    with pytest.raises(AssertionError, match="unbounded: 500 events"):
        a_silent_neighbour_keeps_nothing_old(module(broken)["ReplayBuffer"])


def test_memory_is_flat_over_a_million_events() -> None:
    """Builds of a thousand events, one after the other: what they leave behind is a window, and no more."""
    window, message = make(5000, 300.0), "x" * 200
    blocks: list[int] = []
    for _ in range(10):
        for _ in range(100):
            stream = window.open()
            for _ in range(1000):
                window.record(stream, message)
            window.close(stream)
        blocks.append(sys.getallocatedblocks())
    assert len(window) == 5000
    assert max(blocks[1:]) - min(blocks[1:]) < 500, blocks


def cost_of_the_last_ten(kept: int) -> float:
    """Seconds, the least of many: a busy machine adds to some of them, never to all."""
    window = make(kept, 300.0)
    stream = window.open()
    for _ in range(kept):
        window.record(stream, "x" * 200)
    last_ten = stream.id_of(stream.last - 10)

    def replay() -> list[bytes]:
        found, cursor = window.find(last_ten)
        return found.after(cursor, 1000)

    assert len(replay()) == 10
    return min(timeit.repeat(replay, number=1, repeat=200))


def test_a_replay_costs_what_was_missed() -> None:
    few, many = cost_of_the_last_ten(100), cost_of_the_last_ten(100_000)
    assert many < 20 * few, f"replay of ten costs {many / few:.0f} times as much when more is kept"
