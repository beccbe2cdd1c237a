"""The stores of this repository and of the SDK, each called as its own server would call it.

record  a loop over messages, written once for each store, so that nothing but the store's own call is in it
replay  what follows an id, `times` over; gives the number of events that the last one brought
"""

import sys
from collections import deque
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from mcp.server.streamable_http import EventMessage, EventStore
from mcp_types import JSONRPCNotification

import messages
from sdk_stores import ExampleStore

LESSON = Path(__file__).parent.parent / "07_advanced_stream_resumption"
LIMIT, THIS, SDK = "bare deque", "lesson 07", "SDK example store"
STREAM = "_GET_stream"


class Store(Protocol):
    """A store that keeps so many events; `natural` is what its server hands to it."""

    def natural(self, number: int) -> Any: ...
    async def record(self, natural: Iterable[Any]) -> Any: ...
    async def replay(self, event_id: Any, times: int) -> int: ...


class Limit:
    """What Python costs at the least: text and an integer id, in a deque that forgets by itself."""

    def __init__(self, max_events: int) -> None:
        self.events: deque[tuple[int, str]] = deque(maxlen=max_events)
        self.last = 0

    natural = staticmethod(messages.text)

    def append(self, message: str) -> None:
        self.last += 1
        self.events.append((self.last, message))

    def after(self, event_id: int) -> list[tuple[int, str]]:
        return [self.events[place] for place in range(event_id - self.last, 0)]

    async def record(self, natural: Iterable[str]) -> int:
        for message in natural:
            self.append(message)
        return self.last

    async def replay(self, event_id: int, times: int) -> int:
        events: list[tuple[int, str]] = []
        for _ in range(times):
            events = self.after(event_id)
        return len(events)


class ReplayBuffer(Protocol):
    """What is used of lesson 07's `replay_buffer.py`."""

    last: int

    def record(self, message: str) -> None: ...
    def id_of(self, place: int) -> str: ...
    def find(self, event_id: str) -> int: ...
    def after(self, cursor: int, limit: int) -> list[bytes]: ...


class Lesson:
    def __init__(self, max_events: int) -> None:
        if str(LESSON) not in sys.path:
            sys.path.append(str(LESSON))
        self.buffer: ReplayBuffer = import_module("replay_buffer").ReplayBuffer(max_events)

    natural = staticmethod(messages.text)

    async def record(self, natural: Iterable[str]) -> str:
        for message in natural:
            self.buffer.record(message)
        return self.buffer.id_of(self.buffer.last)

    async def replay(self, event_id: str, times: int) -> int:
        events: list[bytes] = []
        for _ in range(times):
            events = self.buffer.after(self.buffer.find(event_id), 1000)
        return len(events)


class OfSdk:
    """A store behind the SDK's interface."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def natural(self, number: int) -> JSONRPCNotification:
        return JSONRPCNotification(**messages.payload(number))

    async def record(self, natural: Iterable[JSONRPCNotification]) -> str:
        event_id = ""
        for message in natural:
            event_id = await self.store.store_event(STREAM, message)
        return event_id

    async def replay(self, event_id: str, times: int) -> int:
        events: list[EventMessage] = []

        async def send(event: EventMessage) -> None:
            events.append(event)

        for _ in range(times):
            events.clear()
            await self.store.replay_events_after(event_id, send)
        return len(events)


def empty(name: str, max_events: int) -> Store:
    if name == SDK:
        return OfSdk(ExampleStore(max_events))
    return Lesson(max_events) if name == THIS else Limit(max_events)
