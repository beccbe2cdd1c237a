"""The stores of lessons 07 to 09, the least that Python can do, and one from outside.

ages    whether it forgets by age; else by number only
record  one message of 200 bytes more, and whatever the store does about old ones meanwhile
replay  what follows an id; gives the number of events
expire  all that is kept becomes too old, at once
free    the call that gives the memory of old events back, where recording does not
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from runpy import run_path
from typing import Any, Protocol

from mcp.server.streamable_http import EventMessage, EventStore
from mcp_types import JSONRPCNotification, JSONRPCResponse

import messages
from stores import ReplayBuffer

LESSONS = Path(__file__).parent.parent
LESSON_07, LESSON_08 = LESSONS / "07_advanced_stream_resumption", LESSONS / "08_notification_stream"
LESSON = LESSONS / "09_flaky_network"
LIMIT, SEVENTH, EIGHTH, THIS, PERSIST = "bare deque", "lesson 07", "lesson 08", "lesson 09", "mcp-persist"
MAX_AGE = 300


class Store(Protocol):
    ages: bool

    async def record(self) -> Any: ...
    async def replay(self, event_id: Any) -> int: ...
    async def expire(self) -> None: ...
    async def free(self) -> None: ...
    async def close(self) -> None: ...


class Clock:
    """Time goes on, and jumps when it is told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@contextmanager
def on_path(lesson: Path) -> Generator[None]:
    """What a lesson imports is its own: each has a `replay_buffer.py`."""
    before = sys.modules.pop("replay_buffer", None)
    sys.path.insert(0, str(lesson))
    try:
        yield
    finally:
        sys.path.remove(str(lesson))
        sys.modules.pop("replay_buffer", None)
        if before:
            sys.modules["replay_buffer"] = before


class ByNumber:
    """What forgets by number only has nothing to do as time goes on."""

    ages = False

    async def expire(self) -> None:
        pass

    async def free(self) -> None:
        pass

    async def close(self) -> None:
        pass


class ByAge(ByNumber):
    """Recording frees what is too old."""

    ages = True

    def __init__(self) -> None:
        self.clock, self.text = Clock(), messages.text(0)

    async def expire(self) -> None:
        self.clock.ahead += MAX_AGE + 1


class Limit(ByAge):
    """Text, a number and a time in a deque; old ones are dropped at each record, all of them."""

    def __init__(self, max_events: int) -> None:
        super().__init__()
        self.events: deque[tuple[float, int, str]] = deque(maxlen=max_events)
        self.last = 0

    async def record(self) -> int:
        now = self.clock()
        while self.events and self.events[0][0] < now - MAX_AGE:
            self.events.popleft()
        self.last += 1
        self.events.append((now, self.last, self.text + ""))
        return self.last

    async def replay(self, event_id: int) -> int:
        return len([self.events[place] for place in range(event_id - self.last, 0)])


class Seventh(ByNumber):
    def __init__(self, max_events: int) -> None:
        self.text = messages.text(0)
        self.buffer: ReplayBuffer = run_path(str(LESSON_07 / "replay_buffer.py"))["ReplayBuffer"](max_events)

    async def record(self) -> str:
        self.buffer.record(self.text)
        return self.buffer.id_of(self.buffer.last)

    async def replay(self, event_id: str) -> int:
        return len(self.buffer.after(self.buffer.find(event_id), 1000))


class Eighth(ByNumber):
    """As the SDK calls it, the session's events in the context; a message is kept as it is, an object."""

    def __init__(self, max_events: int) -> None:
        with on_path(LESSON_08):
            lesson = run_path(str(LESSON_08 / "event_store.py"))
        lesson["current"].set(lesson["SessionStreams"](max_events))
        self.store: EventStore = lesson["SessionEventStore"]()
        self.message = JSONRPCNotification(**messages.payload(0))
        self.answered = True

    async def record(self) -> str:
        self.answered = False
        return await self.store.store_event("1", self.message)

    async def replay(self, event_id: str) -> int:
        """And the response, which ends the stream: else the store would wait for what comes next."""
        if not self.answered:
            await self.store.store_event("1", JSONRPCResponse(jsonrpc="2.0", id=1, result={}))
            self.answered = True
        events: list[EventMessage] = []

        async def send(event: EventMessage) -> None:
            events.append(event)

        await self.store.replay_events_after(event_id, send)
        return len(events) - 1


class Stream(Protocol):
    last: int

    def id_of(self, place: int) -> str: ...
    def after(self, cursor: int, limit: int) -> list[bytes]: ...


class Window(Protocol):
    """What is used of lesson 09's `replay_buffer.py`."""

    def __len__(self) -> int: ...
    def open(self) -> Stream: ...
    def record(self, stream: Stream, message: str) -> None: ...
    def find(self, event_id: str) -> tuple[Stream, int]: ...


class Lesson(ByAge):
    def __init__(self, max_events: int) -> None:
        super().__init__()
        make = run_path(str(LESSON / "replay_buffer.py"))["ReplayBuffer"]
        self.window: Window = make(max_events, MAX_AGE, deque[Any](), self.clock)
        self.stream = self.window.open()

    async def record(self) -> str:
        self.window.record(self.stream, self.text)
        return self.stream.id_of(self.stream.last)

    async def replay(self, event_id: str) -> int:
        stream, cursor = self.window.find(event_id)
        return len(stream.after(cursor, 1000))


class Persist:
    """It forgets by age only, and when it is told to: `purge_expired`, from a timer of one's own."""

    ages = True

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.store = import_module("mcp_persist").SQLiteEventStore(connection, ttl=MAX_AGE)
        self.message = JSONRPCNotification(**messages.payload(0))

    @classmethod
    async def open(cls) -> "Persist":
        opened = cls(await import_module("aiosqlite").connect(":memory:"))
        await opened.store.initialize()
        return opened

    async def record(self) -> str:
        return await self.store.store_event("stream", self.message)

    async def replay(self, event_id: str) -> int:
        events: list[EventMessage] = []

        async def send(event: EventMessage) -> None:
            events.append(event)

        await self.store.replay_events_after(event_id, send)
        return len(events)

    async def expire(self) -> None:
        pass  # `free` asks for whatever is older than nothing

    async def free(self) -> None:
        await self.store.purge_expired(older_than=0)

    async def close(self) -> None:
        await self.connection.close()


async def empty(name: str, max_events: int) -> Store:
    if name == PERSIST:
        return await Persist.open()
    kinds: dict[str, Callable[[int], Store]] = {LIMIT: Limit, SEVENTH: Seventh, EIGHTH: Eighth, THIS: Lesson}
    return kinds[name](max_events)
