"""Lesson 08's buffer, and one thing more: an event has an age, and one that is too old is evicted.

stream   the messages of one request, or the session's standing stream, which a GET opens
event    a message with its id, as the SDK sends it; a priming event is an id without a message
place    the number of an event in its stream: 1, 2, 3, ...
id       names the session, the stream and the place: `5be1f3a0-2-7` is the 7th event of the 2nd stream
cursor   the place after which a reader goes on; 0 stands before the first event
evicted  no longer kept: there are newer ones, or it is too old
"""

import asyncio
import re
import secrets
import time
from collections import deque

from mcp.server.streamable_http import EventMessage
from mcp.types import JSONRPCMessage

NUMBER = re.compile(r"[1-9][0-9]{0,17}")
Event = EventMessage | None  # None: a priming event has a place, and is not sent again


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept."""


class Stream:
    """One stream's events, in a ring: event n lies in slot (n - 1) % max_events."""

    def __init__(self, name: str, max_events: int) -> None:
        self.name = name
        self.last = 0
        self.evicted = 0  # the newest place that is no longer kept
        self.is_over = False
        self.reader: object | None = None  # stands for the connection that reads it now
        self.news = asyncio.Event()
        self._max_events = max_events
        self._ring: list[Event] = []

    def hand_over(self, reader: object | None) -> None:
        """The last to come reads, and an older reader ends: else a message goes out twice (law 2)."""
        self.reader = reader
        self.news.set()

    def id_of(self, place: int) -> str:
        return f"{self.name}-{place}"

    def append(self, message: JSONRPCMessage | None) -> str:
        event_id = f"{self.name}-{self.last + 1}"
        event = EventMessage(message, event_id) if message else None
        if self.last < self._max_events:
            self._ring.append(event)
        else:
            self._ring[self.last % self._max_events] = event
        self.last += 1
        return event_id

    def evict_oldest(self) -> None:
        self._ring[self.evicted % self._max_events] = None
        self.evicted += 1

    def after(self, cursor: int, limit: int) -> list[Event]:
        """Up to `limit` events that follow the cursor. Costs what was missed, not what is kept (law 10)."""
        begin = cursor % self._max_events
        end = begin + min(limit, self.last - cursor)
        around = self._ring[: max(0, end - self._max_events)]
        return self._ring[begin:end] + around


class ReplayBuffer:
    """The newest events of one session, and of no other (law 4), in its streams."""

    def __init__(self, max_events: int, max_age: float) -> None:
        # Random, so that an id of another session is no id of this one (law 4).
        self.name = secrets.token_hex(4)
        self._max_events, self._max_age = max_events, max_age
        self._streams: dict[str, Stream] = {}
        self._opened = 0
        self._whose: deque[tuple[float, Stream]] = deque()  # of each event kept: its time, its stream

    def open(self) -> Stream:
        self._opened += 1
        stream = Stream(f"{self.name}-{self._opened}", self._max_events)
        self.open_again(stream)
        return stream

    def open_again(self, stream: Stream) -> None:
        """More will come."""
        stream.is_over = False
        self._streams[stream.name] = stream

    def record(self, stream: Stream, message: JSONRPCMessage | None) -> str:
        """Store a message under the next id of its stream; the SDK sends it after that (law 1)."""
        if len(self._whose) == self._max_events:
            self._evict_oldest()  # (law 8)
        self._evict_what_is_old()
        self._whose.append((time.monotonic(), stream))
        event_id = stream.append(message)
        stream.news.set()  # whoever follows goes on (law 3)
        return event_id

    def close(self, stream: Stream) -> None:
        """Nothing more will come (law 6). When none of its events is kept it is forgotten."""
        stream.is_over = True
        stream.news.set()
        self._forget_if_empty(stream)

    def find(self, event_id: str) -> tuple[Stream, int]:
        """The stream and the cursor that an id names, or an error for what cannot be resumed (law 7)."""
        self._evict_what_is_old()
        name, _, place = event_id.rpartition("-")
        stream = self._streams.get(name)
        if not NUMBER.fullmatch(place) or not (stream or self._has_opened(name)):
            raise NotIssuedError(event_id)
        cursor = int(place)
        if stream and cursor > stream.last:
            raise NotIssuedError(event_id)
        if not stream or cursor < stream.evicted:
            raise EvictedError(event_id)
        return stream, cursor

    def _has_opened(self, name: str) -> bool:
        """Whether a stream that is forgotten had that name."""
        own, _, number = name.partition("-")
        return own == self.name and bool(NUMBER.fullmatch(number)) and 0 < int(number) <= self._opened

    def end(self) -> None:
        """End its readers, and keep nothing, whoever else still holds this (law 8)."""
        for stream in self._streams.values():
            stream.hand_over(None)
        self._streams.clear()
        self._whose.clear()

    def _evict_what_is_old(self) -> None:
        """No timer: whoever records or resumes does it."""
        while self._whose and self._whose[0][0] < time.monotonic() - self._max_age:
            self._evict_oldest()

    def _evict_oldest(self) -> None:
        _, stream = self._whose.popleft()
        stream.evict_oldest()
        self._forget_if_empty(stream)

    def _forget_if_empty(self, stream: Stream) -> None:
        if stream.is_over and stream.evicted == stream.last:
            self._streams.pop(stream.name, None)
