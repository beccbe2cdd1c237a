"""The idea of the lesson: the newest events of one stream, kept so that a reader can have them again.

event   a message with its id, as the bytes that go on the wire
place   the number of an event in its stream: 1, 2, 3, ...
id      names the stream and the place in it: `5be1f3a0-7`
cursor  the place after which a reader goes on; 0 stands before the first event
evicted no longer kept, to make room for newer events
"""

import re
import secrets

NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


class NotIssuedError(LookupError):
    """The id was never issued on this stream."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept."""


class ReplayBuffer:
    """A ring: event n lies in slot (n - 1) % max_events."""

    def __init__(self, max_events: int) -> None:
        # Random, so that an id of another session's stream is no id of this one (law 4).
        self.name = secrets.token_hex(4)
        self.last = 0
        self._max_events = max_events
        self._ring: list[bytes] = []

    @property
    def evicted(self) -> int:
        """The newest place that is no longer kept, 0 while everything is."""
        return self.last - len(self._ring)

    def id_of(self, place: int) -> str:
        return f"{self.name}-{place}"

    def record(self, message: str) -> None:
        """Store a message under the next id. What goes on the wire is read from here (law 1)."""
        event = f"event: message\nid: {self.name}-{self.last + 1}\ndata: {message}\n\n".encode()
        if self.last < self._max_events:
            self._ring.append(event)
        else:
            self._ring[self.last % self._max_events] = event
        self.last += 1

    def after(self, cursor: int, limit: int) -> list[bytes]:
        """Up to `limit` events that follow the cursor. Costs what was missed, not what is kept (law 10)."""
        end = min(self.last, cursor + limit)
        return [self._ring[place % self._max_events] for place in range(cursor, end)]

    def find(self, event_id: str) -> int:
        """The cursor that an id names, or an error for what cannot be resumed (law 7)."""
        name, _, place = event_id.partition("-")
        if name != self.name or not NUMBER.fullmatch(place) or int(place) > self.last:
            raise NotIssuedError(event_id)
        if int(place) < self.evicted:
            raise EvictedError(event_id)
        return int(place)
