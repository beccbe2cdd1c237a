"""The idea of the lesson: a store that knows whose events it keeps, and that ends what it replays.

session  what one client opened with `initialize`; the SDK does not tell the store which one it serves
stream   the messages of one request, which the SDK names by its JSON-RPC id, or the standing GET stream
event, id, line and how a line is followed: see `session_events.py`
"""

from contextvars import ContextVar

from mcp.server.streamable_http import EventCallback, EventStore
from mcp.types import JSONRPCMessage

from session_events import SessionEvents

# The SDK never tells the store whose request it serves. The context of the request does: `door.py` sets this
# on the way in, and the tasks that the SDK starts for a session inherit it (law 4).
current: ContextVar[SessionEvents] = ContextVar("current")


class InMemoryEventStore(EventStore):
    """What the SDK calls, split by session."""

    def __init__(self, max_events: int = 1000, max_age: float = 3600.0, all_streams: bool = False) -> None:
        self._settings = max_events, max_age, all_streams

    def new_session(self) -> SessionEvents:
        return SessionEvents(*self._settings)

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        return current.get().record(stream_id, message)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Follow the line to its end, and leave nothing for the SDK to add.

        Given the stream's id it would register a live stream *after* the replay, and lose what came between.
        """
        events = current.get()
        try:
            cursor = events.find(last_event_id)
        except LookupError:
            return  # evicted since the door let it in
        await events.follow(cursor, send_callback)
