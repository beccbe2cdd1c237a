"""The idea of the lesson: the SDK keeps the answer of a call for a client that died.

The SDK never says whose message it stores. Our door does, with `current`. The rest is in `replay_buffer.py`.
"""

from contextvars import ContextVar

from mcp.server.streamable_http import GET_STREAM_KEY, EventCallback, EventStore
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

from on_sqlite.journal import Journal
from replay_buffer import ReplayBuffer, Stream

AT_ONCE = 1000  # events that are taken from the buffer


class SessionStreams:
    """One session's buffer, and its streams by the names that the SDK gives them."""

    def __init__(
        self, max_events: int, max_age: float, all_streams: bool = False, journal: Journal | None = None
    ) -> None:
        self.buffer = ReplayBuffer(max_events, max_age)
        self._journal = journal
        self._of_all = self.buffer.open() if all_streams else None  # the trick: one stream for all requests
        self._unanswered: dict[str, Stream] = {}  # by the JSON-RPC id of the request

    @property
    def at_work(self) -> bool:
        """Whether a request of the session waits for its response."""
        return bool(self._unanswered.keys() - {GET_STREAM_KEY})

    def open(self, stream_id: str) -> Stream:
        """A stream is known from its request on, even if it has no event yet."""
        if stream_id not in self._unanswered:
            shared = self._of_all if stream_id != GET_STREAM_KEY else None
            stream = self._unanswered[stream_id] = shared or self.buffer.open()
            self.buffer.open_again(stream)
        return self._unanswered[stream_id]

    def begin(self, request_id: int | str) -> None:
        """A request's work begins: what became of it can be asked for later."""
        stream = self.open(str(request_id))
        if self._journal:
            self._journal.begin(stream.name, request_id)

    def record(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        stream = self.open(stream_id)
        event_id = self.buffer.record(stream, message)
        if self._journal:
            self._journal.record(stream.name, stream.last, message)
        if isinstance(message, JSONRPCResponse | JSONRPCError) and stream_id != GET_STREAM_KEY:
            del self._unanswered[stream_id]  # a request that uses its id again is another stream (law 4)
            if stream not in self._unanswered.values():
                self.buffer.close(stream)  # after the response nothing comes (law 6)
        return event_id

    def is_shared(self, stream: Stream) -> bool:
        return stream is self._of_all

    def end(self) -> None:
        self.buffer.end()
        self._unanswered.clear()
        self._of_all = self._journal = None


# `server_side/door.py` sets it for each request, and the tasks that the SDK starts for a session inherit it.
current: ContextVar[SessionStreams] = ContextVar("current")


class SessionEventStore(EventStore):
    """What the SDK calls, for all sessions alike."""

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        return current.get().record(stream_id, message)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Returns nothing: given a stream, the SDK would go on live, and lose what came meanwhile (law 3)."""
        streams = current.get()
        try:
            stream, cursor = streams.buffer.find(last_event_id)
        except LookupError:
            return  # evicted since the door let it in: its next GET is told so
        shared = streams.is_shared(stream)
        await follow(stream, cursor, send_callback, alone=not shared)


async def follow(stream: Stream, cursor: int, send: EventCallback, *, alone: bool = True) -> None:
    """Backlog and live tail are one sequence, read with one cursor, to its end (laws 2, 3, 6)."""
    reader = object() if alone else stream
    stream.hand_over(reader)
    while stream.reader is reader and cursor >= stream.evicted:
        if cursor < stream.last:
            for event in stream.after(cursor, AT_ONCE):
                cursor += 1
                if event:
                    await send(event)
                    if stream.reader is not reader:
                        return
        elif stream.is_over:
            return
        else:
            stream.news.clear()
            await stream.news.wait()
