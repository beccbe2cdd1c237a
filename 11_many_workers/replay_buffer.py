"""Where the events of sessions are kept: three methods, and three storages behind them.

Events, streams, places and ids are explained in `event.py`. A call's messages are numbered before they are
recorded: so the stream itself says how far the call is, in the transaction that keeps the message.
"""

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from event import Event, EvictedError, at_least_0, id_of, place_of, stream_of, unbroken
from record_script import RECORD
from round_trips import RoundTrips
from sqlite_file import connect, patiently


@dataclass(frozen=True, slots=True)
class Step:
    """A message of a call, recorded only if it is the next one: two workers cannot both record it."""

    stream: str
    number: int  # its place
    last: bool = False  # the answer


class SSEReplayBuffer(Protocol):
    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        """Keep a message under the next id of the session's standing stream, or of a call's.

        None: the step is recorded already, and this one is dropped.
        """
        ...

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        """Up to `limit` events of the id's stream after the id.

        Without an id: the newest event of the standing stream, where its present begins.
        """
        ...

    async def forget(self, session_id: str) -> None: ...


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


def keys_of(session_id: str) -> tuple[str, str, str]:
    """Session, standing stream and notes.

    What stands in {} is their hash tag: in a cluster they lie in one slot.
    """
    return (
        f"mcp:{{{session_id}}}",
        events_key(session_id, stream_of(session_id)),
        f"mcp:{{{session_id}}}:notes",
    )


def events_key(session_id: str, stream: str) -> str:
    return f"mcp:{{{session_id}}}:events:{stream}"


class RedisSSEReplayBuffer:
    """For many processes and machines: a Redis Stream for each stream."""

    def __init__(
        self, client: Redis, max_events: int = 4096, ttl: float = 1800.0, max_calls: int = 100
    ) -> None:
        self.client, self.max_events, self.max_calls = client, max_events, max_calls
        self._ttl = round(ttl * 1000)
        self._trips = RoundTrips(client)

    async def record(
        self, session_id: str, message: str, step: Step | None = None, channel: str = ""
    ) -> Event | None:
        """As the others do. With a channel: if the session is open, and published too, in one round trip."""
        stream = step.stream if step else stream_of(session_id)
        session, _, notes = keys_of(session_id)
        number, max_calls = step.number if step else "", self.max_calls if step and step.last else ""
        keys = events_key(session_id, stream), notes, session
        told = (*keys, message, self.max_events, self._ttl, stream, channel, number, max_calls)
        try:
            (place,) = await self._trips.ask(("EVALSHA", RECORD.sha, 3, *told))
        except NoScriptError:  # Redis was started anew, and has done nothing
            (place,) = await self._trips.ask(("EVAL", RECORD.text, 3, *told))
        return Event(id_of(stream, place), message) if isinstance(place, int) and place else None

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


TABLES = """
CREATE TABLE IF NOT EXISTS session_streams (
  number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT, name TEXT UNIQUE, over INTEGER
);
CREATE INDEX IF NOT EXISTS streams_of_a_session ON session_streams (session, over);
CREATE TABLE IF NOT EXISTS messages (row INTEGER PRIMARY KEY, message TEXT);
"""
ROWS = 2**27  # for each stream, whose number is never given again: row = number * ROWS + place
TRIM_EACH = 256  # records; a few pages at once cost less than a row each time
NEWEST = "SELECT max(row) FROM messages WHERE row > ?1 AND row < ?2"
NEXT = f"INSERT INTO messages SELECT ifnull(({NEWEST}), ?1) + 1, ?3"
ONLY_THE_NEXT = f"{NEXT} WHERE ifnull(({NEWEST}), ?1) + 1 = ?4"
OVER = """
UPDATE session_streams SET over = 1 + (SELECT ifnull(max(over), 0) FROM session_streams WHERE session = ?1)
WHERE name = ?2 RETURNING over
"""


class SQLiteSSEReplayBuffer:
    """For one machine: a file that outlives the process. A call takes microseconds, and needs no thread."""

    def __init__(
        self, path: str | Path, max_events: int = 4096, max_calls: int = 100, patience: float = 2.0
    ) -> None:
        self.max_events, self.max_calls, self._patience = max_events, max_calls, patience
        self._database = connect(path)
        self._database.executescript(TABLES)
        self._first_rows: dict[str, int] = {}

    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        event = await patiently(lambda: self._record(session_id, message, step), self._patience)
        if event and event.place % TRIM_EACH == 0:
            await patiently(lambda: self._trim(event), self._patience)
        return event

    def _record(self, session_id: str, message: str, step: Step | None) -> Event | None:
        stream = step.stream if step else stream_of(session_id)
        first = self._first_row(stream) or self._new_stream(session_id, stream)
        if step is None or not step.last:
            return self._insert(stream, first, message, step)
        with self._database:  # one transaction
            self._database.execute("BEGIN IMMEDIATE")
            event = self._insert(stream, first, message, step)
            if event:
                self._end_call(session_id, stream)
            return event

    def _insert(self, stream: str, first: int, message: str, step: Step | None) -> Event | None:
        rows = (first, first + ROWS, message)
        if step:
            inserted = self._database.execute(ONLY_THE_NEXT, (*rows, first + step.number))
        else:
            inserted = self._database.execute(NEXT, rows)
        if not inserted.rowcount:
            return None
        return Event(id_of(stream, (inserted.lastrowid or 0) - first), message)

    def _trim(self, event: Event) -> None:
        first = self._first_row(event.stream) or 0
        trim = "DELETE FROM messages WHERE row > ? AND row <= ?"
        self._database.execute(trim, (first, first + event.place - self.max_events))

    def _end_call(self, session_id: str, stream: str) -> None:
        ((over,),) = self._database.execute(OVER, (session_id, stream)).fetchall()
        oldest = "SELECT name FROM session_streams WHERE session = ? AND over <= ?"
        for (name,) in self._database.execute(oldest, (session_id, over - self.max_calls)).fetchall():
            self._delete(name)

    def _first_row(self, stream: str) -> int | None:
        """Where its events begin. Asked once for each stream."""
        if (first := self._first_rows.get(stream)) is None:
            asked = self._database.execute("SELECT number FROM session_streams WHERE name = ?", (stream,))
            for (number,) in asked.fetchall():
                first = self._first_rows[stream] = number * ROWS
        return first

    def _new_stream(self, session_id: str, stream: str) -> int:
        """Never inside a transaction: if that is rolled back, another stream is given the number (law 4)."""
        new = "INSERT INTO session_streams (session, name) VALUES (?, ?)"
        number = self._database.execute(new, (session_id, stream)).lastrowid or 0
        self._first_rows[stream] = number * ROWS
        return number * ROWS

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        stream, place = place_of(session_id, after) if after is not None else (stream_of(session_id), None)
        first = self._first_row(stream)
        if first is None:
            return unbroken(place or 0, [], at_least_0(session_id, stream, None))
        if place is None:
            place = max(0, self._newest(first) - 1)
        follow = "SELECT row, message FROM messages WHERE row > ? AND row < ? ORDER BY row LIMIT ?"
        found = self._database.execute(follow, (first + place, first + ROWS, limit))
        events = [Event(f"{stream}-{row - first}", message) for row, message in found]
        return unbroken(place, events, None if events else self._newest(first))

    def _newest(self, first: int) -> int:
        ((row,),) = self._database.execute(NEWEST, (first, first + ROWS)).fetchall()
        return row - first if row else 0

    async def forget(self, session_id: str) -> None:
        await patiently(lambda: self._forget(session_id), self._patience)

    def _forget(self, session_id: str) -> None:
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            streams = "SELECT name FROM session_streams WHERE session = ?"
            for (stream,) in self._database.execute(streams, (session_id,)).fetchall():
                self._delete(stream)

    def _delete(self, stream: str) -> None:
        first = self._first_row(stream) or 0
        self._database.execute("DELETE FROM messages WHERE row > ? AND row < ?", (first, first + ROWS))
        self._database.execute("DELETE FROM session_streams WHERE name = ?", (stream,))
        self._first_rows.pop(stream, None)

    async def steps_done(self, session_id: str, stream: str) -> int:
        first = self._first_row(stream)
        return self._newest(first) if first else 0

    def close(self) -> None:
        self._database.close()
