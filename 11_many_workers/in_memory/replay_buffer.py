"""Events in memory: a ring for each stream."""

from collections import deque
from dataclasses import dataclass, field

from replay_buffer import Event, EvictedError, Step, at_least_0, id_of, place_of, stream_of, unbroken


@dataclass(slots=True)
class Ring:
    """A stream: event n lies in slot (n - 1) % max_events."""

    events: list[Event] = field(default_factory=list[Event])
    newest: int = 0


class InMemorySSEReplayBuffer:
    """For one process: a ring for each stream."""

    def __init__(self, max_events: int = 2048, max_calls: int = 100) -> None:
        self.max_events, self.max_calls = max_events, max_calls
        self._streams: dict[str, dict[str, Ring]] = {}
        self._over: dict[str, deque[str]] = {}

    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        stream = step.stream if step else stream_of(session_id)
        streams = self._streams.get(session_id)
        ring = streams.get(stream) if streams is not None else None
        if ring is None:
            if step and step.number != 1:
                return None
            ring = self._streams.setdefault(session_id, {})[stream] = Ring()
        newest = ring.newest
        if step and step.number != newest + 1:
            return None
        event = Event._make((f"{stream}-{newest + 1}", message))
        if newest < self.max_events:
            ring.events.append(event)
        else:
            id_of(stream, newest + 1)  # there may be no more
            ring.events[newest % self.max_events] = event
        ring.newest = newest + 1
        if step and step.last:
            over = self._over.setdefault(session_id, deque())
            over.append(stream)
            if len(over) > self.max_calls:
                del self._streams[session_id][over.popleft()]
        return event

    def _ring(self, session_id: str, stream: str) -> Ring:
        return self._streams.get(session_id, {}).get(stream) or Ring()

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        stream, place = place_of(session_id, after) if after is not None else (stream_of(session_id), None)
        ring = self._ring(session_id, stream)
        if place is None:
            place = max(0, ring.newest - 1)
        if place < ring.newest - len(ring.events):
            raise EvictedError(after)
        end = min(ring.newest, place + limit)
        events = [ring.events[slot % self.max_events] for slot in range(place, end)]
        return unbroken(place, events, at_least_0(session_id, stream, ring.newest or None))

    async def forget(self, session_id: str) -> None:
        self._streams.pop(session_id, None)
        self._over.pop(session_id, None)

    async def steps_done(self, session_id: str, stream: str) -> int:
        return self._ring(session_id, stream).newest
