"""Events in a file of SQLite: a row each, found by the number of its stream and its place there."""

from pathlib import Path

from jobs.steps import Step
from on_sqlite.file import connect, patiently
from replay_buffer import Event, at_least_0, id_of, place_of, stream_of, unbroken

TABLES = """
CREATE TABLE IF NOT EXISTS event_streams (
  number INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT, name TEXT UNIQUE, over INTEGER, kept INTEGER
);
CREATE INDEX IF NOT EXISTS event_streams_of_a_session ON event_streams (session, over);
CREATE TABLE IF NOT EXISTS messages (row INTEGER PRIMARY KEY, message TEXT);
"""
ROWS = 2**27  # for each stream, whose number is never given again: row = number * ROWS + place
TRIM_EACH = 256  # records; a few pages at once cost less than a row each time
NEWEST = "SELECT max(row) FROM messages WHERE row > ?1 AND row < ?2"
NEXT = f"INSERT INTO messages SELECT ifnull(({NEWEST}), ?1) + 1, ?3"
ONLY_THE_NEXT = f"{NEXT} WHERE ifnull(({NEWEST}), ?1) + 1 = ?4"
END_CALL = """
UPDATE event_streams SET kept = ?3,
  over = 1 + (SELECT ifnull(max(over), 0) FROM event_streams WHERE session = ?1) WHERE name = ?2
"""
# The newest call that is over stays, however long it is.
TOO_OLD = """
SELECT name FROM (
  SELECT name, sum(kept) OVER newer AS together, row_number() OVER newer AS age FROM event_streams
  WHERE session = ?1 AND over IS NOT NULL WINDOW newer AS (ORDER BY over DESC)
) WHERE together > ?2 AND age > 1
"""


class SQLiteSSEReplayBuffer:
    """For one machine: a file that outlives the process. A call takes microseconds, and needs no thread."""

    def __init__(
        self,
        path: str | Path,
        max_events: int = 4096,
        max_session_events: int = 10_000,
        patience: float = 2.0,
    ) -> None:
        self.max_events, self.max_session_events = max_events, max_session_events
        self._patience = patience
        self._database = connect(path)
        self._database.executescript(TABLES)
        self._first_rows: dict[str, int] = {}

    async def record(self, session_id: str, message: str) -> Event:
        stream = stream_of(session_id)

        def record() -> int:
            first = self._first_row(stream) or self._new_stream(session_id, stream)
            return (self._database.execute(NEXT, (first, first + ROWS, message)).lastrowid or 0) - first

        return await self._kept(stream, await patiently(record, self._patience), message)

    async def record_step(self, session_id: str, message: str, step: Step) -> Event | None:
        recorded = await patiently(lambda: self._record_step(session_id, message, step), self._patience)
        return await self._kept(step.stream, step.number, message) if recorded else None

    def _record_step(self, session_id: str, message: str, step: Step) -> bool:
        first = self._first_row(step.stream) or self._new_stream(session_id, step.stream)
        row = (first, first + ROWS, message, first + step.number)
        if not step.last:
            return self._database.execute(ONLY_THE_NEXT, row).rowcount > 0
        with self._database:  # one transaction
            self._database.execute("BEGIN IMMEDIATE")
            recorded = self._database.execute(ONLY_THE_NEXT, row).rowcount > 0
            if recorded:
                self._end_call(session_id, step)
            return recorded

    async def _kept(self, stream: str, place: int, message: str) -> Event:
        event = Event(id_of(stream, place), message)
        if place % TRIM_EACH == 0:
            await patiently(lambda: self._trim(event), self._patience)
        return event

    def _trim(self, event: Event) -> None:
        first = self._first_row(event.stream) or 0
        trim = "DELETE FROM messages WHERE row > ? AND row <= ?"
        self._database.execute(trim, (first, first + event.place - self.max_events))

    def _end_call(self, session_id: str, step: Step) -> None:
        kept = min(step.number, self.max_events)
        self._database.execute(END_CALL, (session_id, step.stream, kept))
        too_old = self._database.execute(TOO_OLD, (session_id, self.max_session_events)).fetchall()
        for (stream,) in too_old:
            self._delete(stream)

    def _first_row(self, stream: str) -> int | None:
        """Where its events begin. Asked once for each stream."""
        if (first := self._first_rows.get(stream)) is None:
            asked = self._database.execute("SELECT number FROM event_streams WHERE name = ?", (stream,))
            for (number,) in asked.fetchall():
                first = self._first_rows[stream] = number * ROWS
        return first

    def _new_stream(self, session_id: str, stream: str) -> int:
        """Never inside a transaction: if that is rolled back, another stream is given the number (law 4)."""
        new = "INSERT INTO event_streams (session, name) VALUES (?, ?)"
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
            streams = "SELECT name FROM event_streams WHERE session = ?"
            for (stream,) in self._database.execute(streams, (session_id,)).fetchall():
                self._delete(stream)

    def _delete(self, stream: str) -> None:
        first = self._first_row(stream) or 0
        self._database.execute("DELETE FROM messages WHERE row > ? AND row < ?", (first, first + ROWS))
        self._database.execute("DELETE FROM event_streams WHERE name = ?", (stream,))
        self._first_rows.pop(stream, None)

    async def steps_done(self, session_id: str, stream: str) -> int:
        first = self._first_row(stream)
        return self._newest(first) if first else 0

    def close(self) -> None:
        self._database.close()
