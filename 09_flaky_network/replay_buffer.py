"""The idea of the lesson: the newest events of a session, kept for so many events and so many seconds.

event   a message with its id, as the bytes that go on the wire
place   the number of an event in its stream: 1, 2, 3, ...
id      names session, stream and place, and rises: `5be1f3a0-2-7` is the 7th event of the 2nd stream
cursor  the place after which a reader goes on; 0 stands before the first event
evicted no longer kept: there are newer ones, or it is too old
window  the events that are kept, over all streams of a session
free    to give the memory of an evicted event back; that may come a little later
"""

import asyncio
import re
import secrets
import time
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Callable

NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
FREED_AT_ONCE = 256  # events; so that no call has to wait while a hundred thousand are freed


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept; `stream` is what is left, if anything."""

    def __init__(self, stream: "Stream | None") -> None:
        super().__init__()
        self.stream = stream


class Stream:
    """One stream's events, in a ring: event n lies in slot (n - 1) % max_events."""

    def __init__(self, name: str, max_events: int, max_age: float, clock: Callable[[], float]) -> None:
        self.name = name
        self.last = 0
        self.freed = 0  # the newest place whose event is gone from the ring
        self.is_over = False
        self.reader: asyncio.Event | None = None  # of the connection that carries the stream now: set at news
        self._max_events, self._max_age, self._clock = max_events, max_age, clock
        self._ring: list[bytes] = []
        self._times = array("d")

    def hand_over(self, reader: asyncio.Event | None) -> None:
        """The last to come reads, and an older reader ends: a client may know of a lost connection first."""
        before, self.reader = self.reader, reader
        if before:
            before.set()

    def id_of(self, place: int) -> str:
        return f"{self.name}-{place}"

    def time_of(self, place: int) -> float:
        return self._times[(place - 1) % self._max_events]

    @property
    def oldest_time(self) -> float:
        return self._times[self.freed % self._max_events]

    @property
    def evicted(self) -> int:
        """The newest place that is no longer kept, 0 while everything is: exact, whatever is freed yet."""
        oldest_allowed = self._clock() - self._max_age
        if self.freed == self.last or self.oldest_time >= oldest_allowed:
            return self.freed
        places = range(self.last + 1)
        return bisect_left(places, oldest_allowed, lo=self.freed + 1, key=self.time_of) - 1

    def append(self, message: str, now: float) -> None:
        event = f"event: message\nid: {self.name}-{self.last + 1}\ndata: {message}\n\n".encode()
        if self.last < self._max_events:
            self._ring.append(event)
            self._times.append(now)
        else:
            slot = self.last % self._max_events
            self._ring[slot], self._times[slot] = event, now
        self.last += 1

    def free_oldest(self) -> None:
        self._ring[self.freed % self._max_events] = b""
        self.freed += 1

    def after(self, cursor: int, limit: int) -> list[bytes]:
        """Up to `limit` events that follow the cursor. Costs what was missed, not what is kept (law 10)."""
        end = min(self.last, cursor + limit)
        return [self._ring[place % self._max_events] for place in range(cursor, end)]


class ReplayBuffer:
    """The streams of one session. There is no timer: whoever records or reads frees what is too old."""

    def __init__(
        self,
        max_events: int,
        max_age: float,
        neighbours: "deque[ReplayBuffer] | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # Random, so that an id of another session is no id of this one (law 4).
        self.name = secrets.token_hex(4)
        self._max_events, self._max_age, self._clock = max_events, max_age, clock
        self._streams: dict[int, Stream] = {}
        self._opened = 0
        self.has_ended = False
        self._whose: deque[Stream] = deque()  # of each event kept, oldest first: the stream that it is in
        self._neighbours = deque[ReplayBuffer]() if neighbours is None else neighbours
        self._neighbours.append(self)

    def __len__(self) -> int:
        return len(self._whose)

    def open(self) -> Stream:
        self._opened += 1
        name = f"{self.name}-{self._opened}"
        stream = Stream(name, self._max_events, self._max_age, self._clock)
        self._streams[self._opened] = stream
        return stream

    def record(self, stream: Stream, message: str) -> None:
        """Store a message under the next id. What goes on the wire is read from here (law 1)."""
        if self.has_ended:
            return
        if len(self._whose) == self._max_events:
            self._free_oldest()
        now = self._clock()
        stream.append(message, now)
        self._whose.append(stream)
        if stream.reader:
            stream.reader.set()
        self.free_what_is_old(now)
        self._neighbours.rotate(-1)  # in turn, so that a session that fell silent keeps nothing old either
        self._neighbours[0].free_what_is_old(now)

    def close(self, stream: Stream) -> None:
        """Nothing more will come. When none of its events is kept it is forgotten."""
        stream.is_over = True
        if stream.reader:
            stream.reader.set()
        self._forget_if_empty(stream)

    def find(self, event_id: str) -> tuple[Stream, int]:
        """The stream and the cursor that an id names, or an error for what cannot be resumed (law 7)."""
        self.free_what_is_old(self._clock())
        name, _, rest = event_id.partition("-")
        number, _, place = rest.partition("-")
        if name != self.name or not NUMBER.fullmatch(number) or not NUMBER.fullmatch(place):
            raise NotIssuedError(event_id)
        if not 1 <= int(number) <= self._opened:
            raise NotIssuedError(event_id)
        stream = self._streams.get(int(number))
        if stream is None:
            raise EvictedError(None)
        if int(place) > stream.last:
            raise NotIssuedError(event_id)
        if int(place) < stream.evicted:
            raise EvictedError(stream)
        return stream, int(place)

    def free_what_is_old(self, now: float) -> None:
        """Free some events that are too old: many at once would be a pause, and each call frees some."""
        for _ in range(FREED_AT_ONCE):
            if not self._whose or self._whose[0].oldest_time >= now - self._max_age:
                break
            self._free_oldest()

    def end(self) -> None:
        """End its readers, and keep nothing."""
        self.has_ended = True
        for stream in self._streams.values():
            stream.hand_over(None)
        self._streams.clear()
        self._whose.clear()
        self._neighbours.remove(self)

    def _free_oldest(self) -> None:
        stream = self._whose.popleft()
        stream.free_oldest()
        self._forget_if_empty(stream)

    def _forget_if_empty(self, stream: Stream) -> None:
        if stream.is_over and stream.freed == stream.last:
            self._streams.pop(int(stream.name.rpartition("-")[2]), None)
