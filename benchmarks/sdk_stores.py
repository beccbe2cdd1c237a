"""Two event stores for the SDK, which brings an interface and no store.

ExampleStore  does what the `InMemoryEventStore` of the SDK's examples does, step by step: a UUID for each
              event, a deque for each stream, an index by id, and a replay that walks the deque to the id.
              That one is in `examples/servers/simple-streamablehttp` of its repository, and in no wheel.
PlainStore    the quickest store of a few lines: numbers as ids, and what was missed is found by its number.
              Enough to measure with, and no more: it tells no session from another.
"""

from collections import deque
from typing import NamedTuple
from uuid import uuid4

from mcp.server.streamable_http import EventCallback, EventId, EventMessage, EventStore, StreamId
from mcp_types import JSONRPCMessage


class Entry(NamedTuple):
    event_id: EventId
    stream_id: StreamId
    message: JSONRPCMessage | None


class ExampleStore(EventStore):
    def __init__(self, max_events: int) -> None:
        self.max_events = max_events
        self.streams: dict[StreamId, deque[Entry]] = {}
        self.index: dict[EventId, Entry] = {}

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        entry = Entry(str(uuid4()), stream_id, message)
        kept = self.streams.setdefault(stream_id, deque(maxlen=self.max_events))
        if len(kept) == self.max_events:
            self.index.pop(kept[0].event_id, None)
        kept.append(entry)
        self.index[entry.event_id] = entry
        return entry.event_id

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        if last_event_id not in self.index:
            return None
        stream_id = self.index[last_event_id].stream_id
        found = False
        for entry in self.streams[stream_id]:
            if found and entry.message is not None:
                await send_callback(EventMessage(entry.message, entry.event_id))
            found = found or entry.event_id == last_event_id
        return stream_id


class PlainStore(EventStore):
    def __init__(self, max_events: int) -> None:
        self.max_events = max_events
        self.events: dict[int, tuple[StreamId, JSONRPCMessage | None]] = {}
        self.last = 0

    async def store_event(self, stream_id: StreamId, message: JSONRPCMessage | None) -> EventId:
        self.last += 1
        self.events[self.last] = (stream_id, message)
        self.events.pop(self.last - self.max_events, None)
        return str(self.last)

    async def replay_events_after(
        self, last_event_id: EventId, send_callback: EventCallback
    ) -> StreamId | None:
        cursor = int(last_event_id)
        wanted, _ = self.events[cursor]
        for place in range(cursor + 1, self.last + 1):
            stream_id, message = self.events[place]
            if stream_id == wanted and message is not None:
                await send_callback(EventMessage(message, str(place)))
        return wanted
