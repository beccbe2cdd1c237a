"""A store as the SDK's interface asks for it, and no more: what lesson 08 must not be.

It never hears of a session, knows a stream by its JSON-RPC id, and gives the stream back after a replay, so
that the SDK goes on live from there.
"""

from collections import deque
from uuid import uuid4

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage


class PlainStore(EventStore):
    def __init__(self) -> None:
        self._events: dict[str, deque[tuple[str, JSONRPCMessage | None]]] = {}
        self._stream_of: dict[str, str] = {}

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        event_id = uuid4().hex
        self._events.setdefault(stream_id, deque()).append((event_id, message))
        self._stream_of[event_id] = stream_id
        return event_id

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        stream_id = self._stream_of.get(last_event_id)
        if stream_id is None:
            return None
        came = False
        for event_id, message in self._events[stream_id]:
            if came and message:
                await send_callback(EventMessage(message, event_id))
            came = came or event_id == last_event_id
        return stream_id
