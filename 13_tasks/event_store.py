"""The idea of the lesson: the SDK's event store keeps the laws, though the SDK does not tell it all it needs.

It never says whose message it stores. Our door does, with `current`. The rest is in `replay_buffer.py`.
"""

from contextvars import ContextVar

from mcp.server.streamable_http import GET_STREAM_KEY, EventCallback, EventStore
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

from replay_buffer import EvictedError, ReplayBuffer, Stream

AT_ONCE = 1000  # events that are taken from the buffer


class SessionStreams:
    """One session's buffer, and its streams by the names that the SDK gives them."""

    def __init__(self, max_events: int) -> None:
        self.buffer = ReplayBuffer(max_events)
        self.standing = self.buffer.open()
        self._unanswered = {GET_STREAM_KEY: self.standing}  # by the JSON-RPC id of the request

    def record(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        stream = self._unanswered.get(stream_id)
        if stream is None:
            stream = self._unanswered[stream_id] = self.buffer.open()
        event_id = self.buffer.record(stream, message)
        if isinstance(message, JSONRPCResponse | JSONRPCError) and stream is not self.standing:
            self.buffer.close(stream)  # after the response nothing comes (law 6)
            del self._unanswered[stream_id]  # a request that uses its id again is another stream (law 4)
        return event_id


# `door.py` sets it for each request, and the tasks that the SDK starts for a session inherit it. They alone
# hold the session's streams, which so go when it goes (law 8).
current: ContextVar[SessionStreams] = ContextVar("current")


class SessionEventStore(EventStore):
    """What the SDK calls, for all sessions alike."""

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        return current.get().record(stream_id, message)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Returns nothing: given a stream, the SDK would go on live, and lose what came meanwhile (law 3)."""
        try:
            stream, cursor = current.get().buffer.find(last_event_id)
        except EvictedError:
            return  # since the door let it in: its next GET is told so
        await follow(stream, cursor, send_callback)


async def follow(stream: Stream, cursor: int, send: EventCallback) -> None:
    """Backlog and live tail are one sequence, read with one cursor, to its end (laws 2, 3, 6)."""
    reader = object()
    stream.hand_over(reader)
    while stream.reader is reader and cursor >= stream.evicted:
        if cursor < stream.last:
            for event in stream.after(cursor, AT_ONCE):
                cursor += 1
                if event:
                    stream.read_until = cursor  # (law 2)
                    await send(event)
                    if stream.reader is not reader:
                        return
        elif stream.is_over:
            return
        else:
            stream.news.clear()
            await stream.news.wait()
