"""Where the events of sessions are kept: three methods, and three storages behind them.

note  how many steps of a job are done: written in one transaction with the step's message, or not at all
Events, places and ids are explained in `event.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from event import Event, EvictedError, id_of, place_of, stream_of, unbroken
from record_script import RECORD, RECORD_STEP
from round_trips import RoundTrips
from sqlite_file import connect


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job: recorded only if it is the next one, so that two workers cannot both record it."""

    job: str
    number: int


class SSEReplayBuffer(Protocol):
    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        """Keep a message under the next id. None: the step is recorded already, and this one is dropped."""
        ...

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        """Up to `limit` events after an id; without an id the newest event only, where the present begins."""
        ...

    async def forget(self, session_id: str) -> None: ...


class InMemorySSEReplayBuffer:
    """For one process: a ring for each session, in which event n lies in slot (n - 1) % max_events."""

    def __init__(self, max_events: int = 2048) -> None:
        self.max_events = max_events
        self._rings: dict[str, tuple[str, list[Event]]] = {}
        self._newest: dict[str, int] = {}
        self._done: dict[tuple[str, str], int] = {}

    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        if step:
            if self._done.get((session_id, step.job), 0) != step.number - 1:
                return None
            self._done[session_id, step.job] = step.number
        stream, ring = self._rings.setdefault(session_id, (stream_of(session_id), []))
        place = self._newest.get(session_id, 0) + 1
        event = Event(id_of(stream, place), message)
        if len(ring) < self.max_events:
            ring.append(event)
        else:
            ring[(place - 1) % self.max_events] = event
        self._newest[session_id] = place
        return event

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        newest = self._newest.get(session_id, 0)
        _, ring = self._rings.get(session_id, ("", []))
        place = max(0, newest - 1) if after is None else place_of(session_id, after)
        if place < newest - len(ring):
            raise EvictedError(after)
        end = min(newest, place + limit)
        return unbroken(place, [ring[slot % self.max_events] for slot in range(place, end)], newest)

    async def forget(self, session_id: str) -> None:
        self._rings.pop(session_id, None)
        self._newest.pop(session_id, None)
        for key in [key for key in self._done if key[0] == session_id]:
            del self._done[key]

    async def steps_done(self, session_id: str, job: str) -> int:
        return self._done.get((session_id, job), 0)


def keys_of(session_id: str) -> tuple[str, str, str]:
    """Session, events and notes; what stands in {} is their hash tag: in a cluster they lie in one slot."""
    return f"mcp:{{{session_id}}}", f"mcp:{{{session_id}}}:events", f"mcp:{{{session_id}}}:notes"


class RedisSSEReplayBuffer:
    """For many processes and machines: a Redis Stream for each session."""

    def __init__(self, client: Redis, max_events: int = 4096, ttl: float = 1800.0) -> None:
        self.client, self.max_events = client, max_events
        self._ttl = round(ttl * 1000)
        self._trips = RoundTrips(client)

    async def record(
        self, session_id: str, message: str, step: Step | None = None, channel: str = ""
    ) -> Event | None:
        """As the others do; with a channel it is published too, in the same round trip."""
        _, events, notes = keys_of(session_id)
        stream = stream_of(session_id)
        told = (events, notes, message, self.max_events, self._ttl, stream, channel)
        script = RECORD
        if step:
            told += (f"step:{step.job}", step.number)
            script = RECORD_STEP
        try:
            (place,) = await self._trips.ask(("EVALSHA", script.sha, 2, *told))
        except NoScriptError:  # Redis was started anew, and has done nothing
            (place,) = await self._trips.ask(("EVAL", script.text, 2, *told))
        return Event(id_of(stream, place), message) if isinstance(place, int) and place else None

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        _, key, notes = keys_of(session_id)
        stream = stream_of(session_id)
        if after is None:
            return events_of(stream, await self.client.xrevrange(key, count=1))
        place = place_of(session_id, after)
        events = events_of(stream, await self.client.xrange(key, f"({place}-0", count=limit))
        # Whether an id with nothing after it was issued is asked only where nothing comes after it.
        newest = None if events else int(await self.client.hget(notes, "newest") or 0)
        if newest is not None and newest > place:  # one came in between
            events = events_of(stream, await self.client.xrange(key, f"({place}-0", count=limit))
        return unbroken(place, events, newest)

    async def forget(self, session_id: str) -> None:
        await self.client.delete(*keys_of(session_id)[1:])

    async def steps_done(self, session_id: str, job: str) -> int:
        (done,) = await self._trips.ask(("HGET", keys_of(session_id)[2], f"step:{job}"))
        return int(done) if isinstance(done, bytes) else 0


def events_of(stream: str, found: object) -> list[Event]:
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", found or [])
    return [Event(f"{stream}{int(name[:-2]):08}", fields[b"m"].decode()) for name, fields in entries]


TABLES = """
CREATE TABLE IF NOT EXISTS streams (number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS events (row INTEGER PRIMARY KEY, message TEXT);
CREATE TABLE IF NOT EXISTS notes (
  session TEXT, job TEXT, done INTEGER, PRIMARY KEY (session, job)
) WITHOUT ROWID;
"""
ROWS = 2**27  # for each stream, whose number is never given again: row = number * ROWS + place
TRIM_EACH = 256  # records; a few pages at once cost less than a row each time
NEXT = "INSERT INTO events SELECT ifnull(max(row), ?1) + 1, ?3 FROM events WHERE row > ?1 AND row < ?2"
NOTE_FIRST = "INSERT OR IGNORE INTO notes SELECT ?, ?, ?"
NOTE_NEXT = "UPDATE notes SET done = ?3 WHERE session = ?1 AND job = ?2 AND done = ?3 - 1"


class SQLiteSSEReplayBuffer:
    """For one machine: a file that outlives the process. A call takes microseconds, and needs no thread."""

    def __init__(self, path: str | Path, max_events: int = 4096) -> None:
        self.max_events = max_events
        self._database = connect(path)
        self._database.executescript(TABLES)
        self._first_rows: dict[str, int] = {}

    async def record(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        first = self._first_row(session_id)
        if step is None:
            return self._insert(session_id, first, message)
        with self._database:  # one transaction
            self._database.execute("BEGIN IMMEDIATE")
            note = NOTE_FIRST if step.number == 1 else NOTE_NEXT
            noted = self._database.execute(note, (session_id, step.job, step.number))
            return self._insert(session_id, first, message) if noted.rowcount else None

    def _insert(self, session_id: str, first: int, message: str) -> Event:
        row = self._database.execute(NEXT, (first, first + ROWS, message)).lastrowid or 0
        if (row - first) % TRIM_EACH == 0:
            trim = "DELETE FROM events WHERE row > ? AND row <= ?"
            self._database.execute(trim, (first, row - self.max_events))
        return Event(id_of(stream_of(session_id), row - first), message)

    def _first_row(self, session_id: str) -> int:
        """Where its events begin. Asked once for each session.

        Never inside a transaction: if that is rolled back, another session is given the number (law 4).
        """
        if (first := self._first_rows.get(session_id)) is None:
            self._database.execute("INSERT OR IGNORE INTO streams (session) VALUES (?)", (session_id,))
            number = "SELECT number FROM streams WHERE session = ?"
            ((found,),) = self._database.execute(number, (session_id,))
            first = self._first_rows[session_id] = found * ROWS
        return first

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        stream, first = stream_of(session_id), self._first_row(session_id)
        if after is None:
            newest = "SELECT row, message FROM events WHERE row > ? AND row < ? ORDER BY row DESC LIMIT 1"
            found = self._database.execute(newest, (first, first + ROWS))
            return [Event(f"{stream}{row - first:08}", message) for row, message in found]
        place = place_of(session_id, after)
        follow = "SELECT row, message FROM events WHERE row > ? AND row < ? ORDER BY row LIMIT ?"
        found = self._database.execute(follow, (first + place, first + ROWS, limit))
        events = [Event(f"{stream}{row - first:08}", message) for row, message in found]
        if events:
            return unbroken(place, events)
        newest_event = await self.replay(session_id, None)
        return unbroken(place, events, newest_event[0].place if newest_event else 0)

    async def forget(self, session_id: str) -> None:
        first = self._first_row(session_id)
        with self._database:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.execute("DELETE FROM events WHERE row > ? AND row < ?", (first, first + ROWS))
            self._database.execute("DELETE FROM notes WHERE session = ?", (session_id,))
            self._database.execute("DELETE FROM streams WHERE session = ?", (session_id,))
        del self._first_rows[session_id]

    async def steps_done(self, session_id: str, job: str) -> int:
        found = self._database.execute(
            "SELECT done FROM notes WHERE session = ? AND job = ?", (session_id, job)
        )
        return next((done for (done,) in found), 0)

    def close(self) -> None:
        self._database.close()
