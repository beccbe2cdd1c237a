"""A store as the SDK's interface suggests it, and as its examples have it: what lesson 10 must not be.

It never hears of a session, knows streams by their JSON-RPC id, keeps all of them in one place, and gives the
stream back after a replay, so that the SDK goes on live from there.
"""

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage


class PlainStore(EventStore):
    def __init__(self) -> None:
        self._events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self._events.append((stream_id, message))
        return str(len(self._events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        place = int(last_event_id)
        stream_id = self._events[place - 1][0]
        for number, (stream, message) in enumerate(self._events[place:], place + 1):
            if stream == stream_id and message:
                await send_callback(EventMessage(message, str(number)))
        return stream_id
