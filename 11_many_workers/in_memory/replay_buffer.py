"""Events in memory: a ring for each session."""

from dataclasses import dataclass, field

from replay_buffer import LAST_PLACE, Event, FullError, NotIssuedError, place_of, stream_of, unbroken

made = tuple[str, str].__new__  # made(Event, (id, message)) takes half as long as Event(id, message)


@dataclass(slots=True)
class Ring:
    """A stream: event n lies in slot (n - 1) % max_events."""

    stream: str
    newest: int = 0
    events: list[Event] = field(default_factory=list[Event])


class InMemorySSEReplayBuffer:
    """For one process; the three methods, and nothing else."""

    def __init__(self, max_events: int = 4096) -> None:
        self.max_events = max_events
        self._rings: dict[str, Ring] = {}

    async def record(self, session_id: str, message: str) -> Event:
        ring = self._rings.get(session_id) or self._new_ring(session_id)
        newest = ring.newest
        event = made(Event, (f"{ring.stream}-{newest + 1}", message))
        if newest < self.max_events:
            ring.events.append(event)
        else:
            if newest == LAST_PLACE:
                raise FullError
            ring.events[newest % self.max_events] = event
        ring.newest = newest + 1
        return event

    def _new_ring(self, session_id: str) -> Ring:
        ring = self._rings[session_id] = Ring(stream_of(session_id))
        return ring

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        ring = self._rings.get(session_id) or Ring(stream_of(session_id))
        place = max(0, ring.newest - 1)
        if after is not None:
            stream, place = place_of(session_id, after)
            if stream != ring.stream:
                raise NotIssuedError(after)
        first = max(place, ring.newest - len(ring.events))
        end = min(ring.newest, first + limit)
        events = [ring.events[slot % self.max_events] for slot in range(first, end)]
        return unbroken(place, events, ring.newest)

    async def forget(self, session_id: str) -> None:
        self._rings.pop(session_id, None)
