"""The idea of the lesson: an event store that keeps the laws, though the SDK does not tell it all it needs.

session  what one client opened with `initialize`; the SDK never says whose message it stores, our door does
stream   the messages of one request, or the session's standing stream, which a GET opens
event    a message and its id; a priming event is an id without a message
place    the number of an event in its stream: 1, 2, 3, ...
id       names the session, the stream and the place: `5be1f3a0-2-7`
"""

import asyncio
import secrets
from collections import deque
from contextvars import ContextVar

from mcp.server.streamable_http import GET_STREAM_KEY, EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept."""


def split(name: str) -> tuple[str, int | None]:
    """What stands before the last dash, and the number after it, if it is written as we write one."""
    before, _, digits = name.rpartition("-")
    if len(digits) < 13 and digits.isdecimal() and str(number := int(digits)) == digits:
        return before, number
    return before, None


class Stream:
    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[int, EventMessage | None] = {}  # by place, as it is sent: a cursor is a key (law 10)
        self.last = 0  # the newest place
        self.evicted = 0  # the newest place that is no longer kept
        self.over = False
        self.sent = 0  # where the next reader of a standing stream begins
        self.reader: object = None
        self.news = asyncio.Event()


class SessionEvents:
    """The newest events of one session, and of no other (law 4)."""

    def __init__(self, max_events: int) -> None:
        self._max_events = max_events
        self._name = secrets.token_hex(4)  # random: another session's id is no id of this one (law 4)
        self._begun = 0
        self._streams: dict[str, Stream] = {}  # by name
        self._unanswered: dict[str, Stream] = {}
        self._order: deque[Stream] = deque()  # for each event that is kept, from the oldest on, its stream
        self.standing = self._begin(GET_STREAM_KEY)

    def _begin(self, stream_id: str) -> Stream:
        self._begun += 1
        stream = self._unanswered[stream_id] = Stream(f"{self._name}-{self._begun}")
        self._streams[stream.name] = stream
        return stream

    def record(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Store a message under the next id of its stream; the SDK sends it after that (law 1)."""
        stream = self._unanswered.get(stream_id) or self._begin(stream_id)
        stream.last += 1
        event_id = f"{stream.name}-{stream.last}"
        # A priming event is for the connection that it opened: it has a place, and is not sent again.
        stream.kept[stream.last] = EventMessage(message, event_id) if message else None
        self._order.append(stream)
        if isinstance(message, JSONRPCResponse | JSONRPCError) and stream is not self.standing:
            stream.over = True  # after the response nothing comes (law 6)
            del self._unanswered[stream_id]  # a request that uses its id again is another stream (law 4)
        if len(self._order) > self._max_events:
            self._evict()  # (law 8)
        stream.news.set()  # whoever follows goes on (law 3)
        return event_id

    def _evict(self) -> None:
        oldest = self._order.popleft()
        oldest.evicted += 1
        del oldest.kept[oldest.evicted]
        if oldest.over and not oldest.kept:
            del self._streams[oldest.name]

    def find(self, event_id: str) -> tuple[Stream, int]:
        """The stream and the place that an id names, or an error for what cannot be resumed (law 7)."""
        name, place = split(event_id)
        stream = self._streams.get(name)
        if place is None or not (stream or self._has_begun(name)):
            raise NotIssuedError(event_id)
        if stream and place > stream.last:
            raise NotIssuedError(event_id)
        if not stream or place < stream.evicted:
            raise EvictedError(event_id)
        return stream, place

    def _has_begun(self, name: str) -> bool:
        """Whether a stream of this session once had that name."""
        own, number = split(name)
        return own == self._name and number is not None and 0 < number <= self._begun

    async def follow(self, stream: Stream, place: int, send: EventCallback) -> None:
        """Backlog and live tail are one sequence, read with one cursor, to its end (laws 2, 3, 6)."""
        reader = stream.reader = object()  # one at a time, or a message goes out twice (law 2)
        stream.news.set()  # an older reader of the stream ends (law 6)
        while stream.reader is reader and place >= stream.evicted:
            if place < stream.last:
                place += 1
                if event := stream.kept[place]:
                    stream.sent = place  # (law 2)
                    await send(event)
            elif stream.over:
                return
            else:
                stream.news.clear()
                await stream.news.wait()

    def end(self) -> None:
        """Nobody reads on: the session was deleted, or the server stops (law 6)."""
        for stream in self._streams.values():
            stream.reader = None
            stream.news.set()


# `door.py` sets it for each request, and the tasks that the SDK starts for a session inherit it. They alone
# hold the session's events, which so go when it goes (law 8).
current: ContextVar[SessionEvents] = ContextVar("current")


class SessionEventStore(EventStore):
    """What the SDK calls, for all sessions alike."""

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        return current.get().record(stream_id, message)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> None:
        """Returns nothing: given a stream, the SDK would go on live, and lose what came meanwhile (law 3)."""
        events = current.get()
        try:
            stream, place = events.find(last_event_id)
        except EvictedError:
            return  # since the door let it in: its next GET is told so
        await events.follow(stream, place, send_callback)
