"""Sessions and their events in a file, for the server that is started after this one was killed.

name        of a session's buffer, with which each of its event ids begins
unanswered  a request whose work was begun; a server that is killed leaves it without a response
"""

import atexit
import json
import logging
import re
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

from plumbing.jsonrpc import error
from replay_buffer import EvictedError, NotIssuedError

log = logging.getLogger("server")
WORK_LOST = -32010  # the error code for a call that died with the server
SAY = "The server was killed at work on this call, and the work is lost. Make the call again."
STREAM = re.compile(r"([0-9a-f]{8})-([1-9][0-9]{0,17})")
SLACK = 100  # events that a session may have too many in the file: to trim costs more than to record
TRIM = """
DELETE FROM events WHERE name = ? AND number <=
    (SELECT number FROM events WHERE name = ? ORDER BY number DESC LIMIT 1 OFFSET ?)
"""
ENDS = """
SELECT (SELECT min(place) FROM events WHERE stream = ?), (SELECT max(place) FROM events WHERE stream = ?)
"""
PLACE = re.compile(r"[1-9][0-9]{0,17}")
SCHEMA = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, stream TEXT NOT NULL, place INTEGER NOT NULL,
    message TEXT, stored REAL NOT NULL, UNIQUE (stream, place)
);
CREATE TABLE IF NOT EXISTS unanswered (stream TEXT, request TEXT, PRIMARY KEY (stream, request));
CREATE INDEX IF NOT EXISTS by_name ON events (name, number);
CREATE INDEX IF NOT EXISTS by_age ON events (stored);
"""


class Journal:
    def __init__(self, path: str, max_events: int, max_age: float) -> None:
        self._path, self._max_events, self._max_age = path, max_events, max_age
        self._since_trim = Counter[str]()  # events, by session
        self._fails = False
        self._db = sqlite3.connect(path, isolation_level=None, timeout=2)
        atexit.register(self._db.close)
        self._db.executescript(SCHEMA)
        with self._db:
            self._db.execute("BEGIN")
            self._answer_what_was_lost()
            self._forget_what_is_old()
            self._db.execute("DELETE FROM sessions WHERE name NOT IN (SELECT name FROM events)")

    @contextmanager
    def _writing(self) -> Generator[None]:
        """All of it or nothing. A full disk is said aloud: this server goes on, the next one will miss it."""
        try:
            with self._db:
                self._db.execute("BEGIN")
                yield
            self._fails = False
        except sqlite3.Error as wrong:
            if not self._fails:
                log.error("%s cannot be written (%s): what follows is in memory only", self._path, wrong)
            self._fails = True

    def open(self, session_id: str, name: str) -> None:
        with self._writing():
            self._db.execute("INSERT INTO sessions VALUES (?, ?)", (session_id, name))

    def begin(self, stream: str, request_id: int | str) -> None:
        with self._writing():
            self._db.execute(
                "INSERT OR IGNORE INTO unanswered VALUES (?, ?)", (stream, json.dumps(request_id))
            )

    def record(self, stream: str, place: int, message: JSONRPCMessage | None) -> None:
        """It is in the file before the SDK sends it (law 1), and of its session the newest stay (law 8)."""
        text = message.model_dump_json(by_alias=True, exclude_unset=True) if message else None
        name = stream.partition("-")[0]
        with self._writing():
            self._insert(name, stream, place, text)
            self._since_trim[name] += 1
            if self._since_trim[name] >= min(SLACK, self._max_events):
                self._db.execute(TRIM, (name, name, self._max_events))
                del self._since_trim[name]
            self._forget_what_is_old()
            if isinstance(message, JSONRPCResponse | JSONRPCError):
                answered = "DELETE FROM unanswered WHERE stream = ? AND request = ?"
                self._db.execute(answered, (stream, json.dumps(message.id)))

    def end(self, session_id: str) -> None:
        """A session that was deleted, or was idle, leaves nothing."""
        name = self._name(session_id) or ""
        del self._since_trim[name]
        with self._writing():
            self._db.execute("DELETE FROM events WHERE name = ?", (name,))
            self._db.execute("DELETE FROM unanswered WHERE stream GLOB ?", (f"{name}-*",))
            self._db.execute("DELETE FROM sessions WHERE id = ?", (session_id,))

    def knows(self, session_id: str) -> bool:
        return self._name(session_id) is not None

    def after(self, session_id: str, event_id: str) -> list[tuple[str, str]]:
        """What follows the id on its stream, or an error for what cannot be resumed (law 7)."""
        stream, _, place = event_id.rpartition("-")
        found = STREAM.fullmatch(stream)
        if not found or found[1] != self._name(session_id) or not PLACE.fullmatch(place):
            raise NotIssuedError(event_id)
        oldest, newest = self._db.execute(ENDS, (stream, stream)).fetchone()
        if newest is None and int(found[2]) < self._streams(found[1]):
            raise EvictedError(event_id)
        if newest is None or int(place) > newest:
            raise NotIssuedError(event_id)
        if int(place) < oldest - 1:
            raise EvictedError(event_id)
        asked = "SELECT place, message FROM events WHERE stream = ? AND place > ? ORDER BY place"
        rows = self._db.execute(asked, (stream, int(place))).fetchall()
        if len(rows) != newest - int(place):  # the disk was full for a while
            raise EvictedError(event_id)
        return [(f"{stream}-{number}", message) for number, message in rows if message]

    def _name(self, session_id: str) -> str | None:
        row = self._db.execute("SELECT name FROM sessions WHERE id = ?", (session_id,)).fetchone()
        return row and row[0]

    def _streams(self, name: str) -> int:
        """The number of the newest stream that has an event."""
        newest = "SELECT stream FROM events WHERE name = ? ORDER BY number DESC LIMIT 1"
        row = self._db.execute(newest, (name,)).fetchone()
        return int(row[0].rpartition("-")[2]) if row else 0

    def _insert(self, name: str, stream: str, place: int, text: str | None) -> None:
        into = "INSERT INTO events (name, stream, place, message, stored) VALUES (?, ?, ?, ?, ?)"
        self._db.execute(into, (name, stream, place, text, time.time()))

    def _answer_what_was_lost(self) -> None:
        """A call that died with the server has an answer all the same: nobody waits for it (law 6)."""
        for stream, request in self._db.execute("SELECT stream, request FROM unanswered").fetchall():
            newest = "SELECT max(place) FROM events WHERE stream = ?"
            (place,) = self._db.execute(newest, (stream,)).fetchone()
            if place:
                answer = json.dumps(error(json.loads(request), WORK_LOST, SAY))
                self._insert(stream.partition("-")[0], stream, place + 1, answer)
        self._db.execute("DELETE FROM unanswered")

    def _forget_what_is_old(self) -> None:
        self._db.execute("DELETE FROM events WHERE stored < ?", (time.time() - self._max_age,))


def opened(path: str, max_events: int, max_age: float) -> Journal:
    try:
        return Journal(path, max_events, max_age)
    except sqlite3.Error as wrong:
        sys.exit(f"{path} cannot be used ({wrong}): choose another file with --sqlite.")
