"""Events in Redis: a Redis Stream for each stream, and notes for each session."""

from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from jobs.steps import Step
from on_redis.record_script import RECORD
from on_redis.round_trips import RoundTrips
from replay_buffer import Event, at_least_0, id_of, place_of, stream_of, unbroken


def keys_of(session_id: str) -> tuple[str, str, str]:
    """Session, standing stream and notes.

    What stands in {} is their hash tag: in a cluster they lie in one slot.
    """
    return (
        f"mcp:{{{session_id}}}",
        events_key(session_id, stream_of(session_id)),
        f"mcp:{{{session_id}}}:notes",
    )


def channel_of(session_id: str) -> str:
    return f"mcp:{{{session_id}}}:live"


def events_key(session_id: str, stream: str) -> str:
    return f"mcp:{{{session_id}}}:events:{stream}"


class RedisSSEReplayBuffer:
    """For many processes and machines: a Redis Stream for each stream."""

    def __init__(
        self, client: Redis, max_events: int = 4096, max_session_events: int = 10_000, ttl: float = 1800.0
    ) -> None:
        self.client, self.max_events, self.max_session_events = client, max_events, max_session_events
        self._ttl = round(ttl * 1000)
        self._trips = RoundTrips(client)

    async def record(self, session_id: str, message: str) -> Event:
        place = await self._record(session_id, message)
        return Event(id_of(stream_of(session_id), place), message)

    async def record_step(self, session_id: str, message: str, step: Step) -> Event | None:
        place = await self._record(session_id, message, step)
        return Event(id_of(step.stream, place), message) if place else None

    async def record_and_publish(self, session_id: str, message: str, step: Step | None) -> Event | None:
        """If the session is open, and published too, in one round trip."""
        place = await self._record(session_id, message, step, channel_of(session_id))
        stream = step.stream if step else stream_of(session_id)
        return Event(id_of(stream, place), message) if place else None

    async def _record(
        self, session_id: str, message: str, step: Step | None = None, channel: str = ""
    ) -> int:
        """The place; 0: it was not to be recorded."""
        stream = step.stream if step else stream_of(session_id)
        session, _, notes = keys_of(session_id)
        number = step.number if step else ""
        of_those_over = self.max_session_events if step and step.last else ""
        keys = events_key(session_id, stream), notes, session
        told = (*keys, message, self.max_events, self._ttl, stream, channel, number, of_those_over)
        try:
            (place,) = await self._trips.ask(("EVALSHA", RECORD.sha, 3, *told))
        except NoScriptError:  # Redis was started anew, and has done nothing
            (place,) = await self._trips.ask(("EVAL", RECORD.text, 3, *told))
        return cast("int", place)

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        if after is None:
            stream = stream_of(session_id)
            return events_of(stream, await self.client.xrevrange(events_key(session_id, stream), count=1))
        stream, place = place_of(session_id, after)
        key = events_key(session_id, stream)
        events = events_of(stream, await self.client.xrange(key, f"({place}-0", count=limit))
        if events:
            return unbroken(place, events)
        # Whether an id with nothing after it was issued is asked only where nothing comes after it.
        found = await self.client.hget(keys_of(session_id)[2], stream)
        newest = at_least_0(session_id, stream, int(found) if found else None)
        if newest is not None and newest > place:  # one came in between
            events = events_of(stream, await self.client.xrange(key, f"({place}-0", count=limit))
        return unbroken(place, events, newest)

    async def forget(self, session_id: str) -> None:
        notes = keys_of(session_id)[2]
        streams = cast("list[bytes]", await self.client.hkeys(notes))
        await self.client.delete(notes, *(events_key(session_id, stream.decode()) for stream in streams))

    async def steps_done(self, session_id: str, stream: str) -> int:
        (done,) = await self._trips.ask(("HGET", keys_of(session_id)[2], stream))
        return int(done) if isinstance(done, bytes) else 0


def events_of(stream: str, found: object) -> list[Event]:
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", found or [])
    return [Event(f"{stream}-{int(name[:-2])}", fields[b"m"].decode()) for name, fields in entries]
