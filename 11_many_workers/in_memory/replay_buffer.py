"""Events in memory: a ring for each stream."""

from collections import deque
from dataclasses import dataclass, field

from replay_buffer import (
    LAST_PLACE,
    Event,
    EvictedError,
    FullError,
    Step,
    at_least_0,
    place_of,
    stream_of,
    unbroken,
)

made = tuple[str, str].__new__  # made(Event, (id, message)) takes half as long as Event(id, message)


@dataclass(slots=True)
class Ring:
    """A stream: event n lies in slot (n - 1) % max_events."""

    name: str
    newest: int = 0
    events: list[Event] = field(default_factory=list[Event])


class InMemorySSEReplayBuffer:
    """For one process: a ring for each stream, found by its session, and a call's by its name too."""

    def __init__(self, max_events: int = 2048, max_calls: int = 100) -> None:
        self.max_events, self.max_calls = max_events, max_calls
        self._standing: dict[str, Ring] = {}
        self._calls: dict[str, dict[str, Ring]] = {}
        self._over: dict[str, deque[str]] = {}

    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        if step is None:
            ring = self._standing.get(session_id) or self._new_standing(session_id)
        elif (ring := self._ring_of_a_call(session_id, step)) is None:
            return None
        newest = ring.newest
        event = made(Event, (f"{ring.name}-{newest + 1}", message))
        if newest < self.max_events:
            ring.events.append(event)
        else:
            if newest == LAST_PLACE:
                raise FullError
            ring.events[newest % self.max_events] = event
        ring.newest = newest + 1
        if step and step.last:
            self._end_call(session_id, step.stream)
        return event

    def _new_standing(self, session_id: str) -> Ring:
        ring = self._standing[session_id] = Ring(stream_of(session_id))
        return ring

    def _ring_of_a_call(self, session_id: str, step: Step) -> Ring | None:
        """None: the step is not the next one."""
        ring = self._ring(session_id, step.stream)
        if step.number != ring.newest + 1:
            return None
        return self._calls.setdefault(session_id, {}).setdefault(step.stream, ring)

    def _end_call(self, session_id: str, stream: str) -> None:
        over = self._over.setdefault(session_id, deque())
        over.append(stream)
        if len(over) > self.max_calls:
            del self._calls[session_id][over.popleft()]

    def _ring(self, session_id: str, stream: str) -> Ring:
        if stream == stream_of(session_id):
            return self._standing.get(session_id) or Ring(stream)
        return self._calls.get(session_id, {}).get(stream) or Ring(stream)

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
        for kept in (self._standing, self._calls, self._over):
            kept.pop(session_id, None)

    async def steps_done(self, session_id: str, stream: str) -> int:
        return self._ring(session_id, stream).newest
