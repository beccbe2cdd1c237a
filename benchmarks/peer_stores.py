"""The stores of packages from outside, imported when they are asked for: no other environment has them."""

from collections.abc import AsyncIterator, Iterable
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import messages
import stores
from stores import STREAM, OfSdk, Store

REST, FAST = "rest_framework_mcp", "fastmcp"


class RestBuffer(Protocol):
    """What is used of rest_framework_mcp's `InMemorySSEReplayBuffer`."""

    async def record(self, session_id: str, payload: Any) -> str: ...
    def replay(self, session_id: str, after_id: str | None) -> AsyncIterator[tuple[str, Any]]: ...


class Rest:
    def __init__(self, max_events: int) -> None:
        set_up_django()
        self.buffer: RestBuffer = import_module("rest_framework_mcp").InMemorySSEReplayBuffer(
            max_events=max_events
        )

    natural = staticmethod(messages.payload)

    async def record(self, natural: Iterable[dict[str, Any]]) -> str:
        event_id = ""
        for message in natural:
            event_id = await self.buffer.record(STREAM, message)
        return event_id

    async def replay(self, event_id: str, times: int) -> int:
        events: list[tuple[str, Any]] = []
        for _ in range(times):
            events = [event async for event in self.buffer.replay(STREAM, event_id)]
        return len(events)


@cache
def set_up_django() -> None:
    """The package of the buffer cannot be imported before its framework is set up."""
    settings = {"INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes"]}
    import_module("django.conf").settings.configure(**settings)
    import_module("django").setup()


def fastmcp(max_events: int, already: int) -> OfSdk:
    """Its record costs what is kept, and 100,000 of them half an hour: `already` so many come as a seed."""
    ids = [f"seed-{number}" for number in range(already)]
    events = {
        event_id: {"event_id": event_id, "stream_id": STREAM, "message": messages.payload(number)}
        for number, event_id in enumerate(ids)
    }
    seed = {"fastmcp_events": events, "fastmcp_streams": {STREAM: {"event_ids": ids}}} if already else None
    memory = import_module("key_value.aio.stores.memory").MemoryStore(seed=seed)
    return OfSdk(import_module("fastmcp.server.event_store").EventStore(memory, max_events))


def empty(name: str, max_events: int) -> Store:
    if name == FAST:
        return fastmcp(max_events, already=0)
    return Rest(max_events) if name == REST else stores.empty(name, max_events)


async def full(name: str, max_events: int) -> Store:
    """A store that keeps as many events as it may."""
    if name == FAST:
        return fastmcp(max_events, already=max_events)
    store = empty(name, max_events)
    await store.record(map(store.natural, range(max_events)))
    return store
