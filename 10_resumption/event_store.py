"""The idea of the lesson: a store that knows whose events it keeps, and that ends what it replays.

session  what one client opened with `initialize`; the SDK does not tell the store which one it serves
stream   the messages of one request, which the SDK names by its JSON-RPC id, or the standing GET stream
event    a message with its id; a priming event has an id and no message
place    the number of an event in its session: 1, 2, 3, ...
id       names the session, the stream and the place: `5be1f3a0-2-7`
line     what a replay follows: one stream; with `all_streams` every stream of the session, in order
open     a stream that waits for its response
"""

import asyncio
import re
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass, field

from mcp.server.streamable_http import GET_STREAM_KEY, EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

ID = re.compile(r"([0-9a-f]{8})-([0-9]{1,18})-([0-9]{1,18})")


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but its event is no longer kept."""


@dataclass(slots=True)
class Line:
    tail: "Event | None" = None


@dataclass(slots=True)
class Stream(Line):
    number: int = 0  # the place of its first event
    is_open: bool = True


@dataclass(slots=True)
class Event:
    id: str
    message: JSONRPCMessage | None
    stream: Stream
    stored: float = field(default_factory=time.monotonic)
    next: int | None = None  # the place of the event that follows on its line


class SessionEvents:
    """The newest events of one session."""

    def __init__(self, max_events: int, max_age: float, all_streams: bool = False) -> None:
        self._max_events, self._max_age, self._all_streams = max_events, max_age, all_streams
        self._token = secrets.token_hex(
            4
        )  # random, so that another session's id is no id of this one (law 4)
        self._events: dict[int, Event] = {}  # by place
        self._last = 0
        self._open: dict[str, Stream] = {}
        self._session = Line()
        self._ended = False
        self._news = asyncio.Event()

    def open(self, stream_id: str) -> Stream:
        """A stream is known from its request on, even if it has no event yet."""
        return self._open.setdefault(stream_id, Stream())

    def record(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Store a message under the next id. The SDK sends it only after that (law 1)."""
        stream = self.open(stream_id)
        self._last += 1
        stream.number = stream.number or self._last
        event = Event(f"{self._token}-{stream.number}-{self._last}", message, stream)
        self._events[self._last] = event
        line = self._session if self._all_streams else stream  # its own stream only
        if line.tail:
            line.tail.next = self._last
        line.tail = event
        if isinstance(message, JSONRPCResponse | JSONRPCError) and message.id is not None:
            stream.is_open, stream.tail = False, None
            del self._open[stream_id]  # a request that uses this JSON-RPC id again is another stream
        self._evict()
        self._wake()
        return event.id

    def find(self, event_id: str) -> Event:
        """The event that an id names, or an error for what cannot be resumed (law 7)."""
        self._evict()
        match = ID.fullmatch(event_id)
        if not match or match[1] != self._token or not 1 <= int(match[3]) <= self._last:
            raise NotIssuedError(event_id)
        event = self._events.get(int(match[3]))
        if event is None:
            raise EvictedError(event_id)
        if event.id != event_id:
            raise NotIssuedError(event_id)
        return event

    async def follow(self, event: Event, send: EventCallback) -> None:
        """Backlog and live tail are one sequence: what follows the cursor, then what comes (laws 2, 3)."""
        while not self._ended:
            if event.next is not None:
                if event.next not in self._events:
                    return  # evicted before this reader came to it: its next GET is told so
                event = self._events[event.next]
                if event.message:  # a priming event is for the connection that it opened
                    await send(EventMessage(event.message, event.id))
            elif self._is_over(event.stream):
                return
            else:
                await self._news.wait()

    @property
    def at_work(self) -> bool:
        """Whether a request of the session waits for its response."""
        return bool(self._open.keys() - {GET_STREAM_KEY})

    def end(self) -> None:
        """End the readers, and free what was held, whoever else still holds this (law 8)."""
        self._ended = True
        self._events.clear()
        for line in (self._session, *self._open.values()):
            line.tail = None
        self._open.clear()
        self._wake()

    def _is_over(self, stream: Stream) -> bool:
        """After the response a stream ends; the session's line, once every response is there (law 6)."""
        return not stream.is_open and not (self._all_streams and self.at_work)

    def _evict(self) -> None:
        oldest = self._last - len(self._events) + 1
        young = time.monotonic() - self._max_age
        while self._events and (len(self._events) > self._max_events or self._events[oldest].stored < young):
            del self._events[oldest]
            oldest += 1

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


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
