"""Events in a file of SQLite: a row each, found by the number of its stream and its place there."""

from pathlib import Path

from on_sqlite.file import connect, patiently
from replay_buffer import Event, Step, at_least_0, id_of, place_of, stream_of, unbroken

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
