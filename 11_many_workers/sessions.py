"""Sessions, kept where their events are, so that any worker can serve any request.

use     whatever shows that a session is still needed: a request, an open stream, work; it renews the time
        after which a session that nothing uses is over
reader  the GET that carries the stream now, whichever worker serves it: the last to come
"""

import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from redis.asyncio import Redis

from replay_buffer import keys_of
from round_trips import RoundTrips
from sqlite_file import connect, patiently


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    protocol: str
    reader: str  # empty until somebody reads

    def __str__(self) -> str:
        return f"session {self.id[:8]}"  # never the whole: who knows it is in


class SessionStore(Protocol):
    async def open(self, protocol: str, most: int) -> Session | None:
        """A new session, or None if there are as many as may be."""
        ...

    async def use(self, session_id: str) -> Session | None:
        """The session, its time renewed, or None: it is unknown or over."""
        ...

    async def has(self, session_id: str) -> bool:
        """Whether it is open. Its time is not renewed: what is sent to a session is no use of it."""
        ...

    async def read_by(self, session_id: str, reader: str) -> None: ...

    async def end(self, session_id: str) -> bool: ...


Forget = Callable[[str], Awaitable[None]]


async def keep(session_id: str) -> None:
    """For a session without a buffer: there is nothing to forget."""


class InMemorySessions:
    def __init__(self, ttl: float, forget: Forget = keep) -> None:
        self._ttl, self._forget = ttl, forget
        self._open: dict[str, tuple[Session, float]] = {}

    async def open(self, protocol: str, most: int) -> Session | None:
        now = time.monotonic()
        for session_id in [name for name, entry in self._open.items() if entry[1] <= now]:
            await self.end(session_id)
            await self._forget(session_id)
        if len(self._open) >= most:
            return None
        return self._keep(Session(secrets.token_hex(16), protocol, ""))

    def _keep(self, session: Session) -> Session:
        self._open[session.id] = session, time.monotonic() + self._ttl
        return session

    async def use(self, session_id: str) -> Session | None:
        session, until = self._open.get(session_id, (None, 0.0))
        return self._keep(session) if session and until > time.monotonic() else None

    async def has(self, session_id: str) -> bool:
        _, until = self._open.get(session_id, (None, 0.0))
        return until > time.monotonic()

    async def read_by(self, session_id: str, reader: str) -> None:
        if session := await self.use(session_id):
            self._keep(Session(session.id, session.protocol, reader))

    async def end(self, session_id: str) -> bool:
        return self._open.pop(session_id, None) is not None


SESSIONS = """
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, protocol TEXT, reader TEXT, until REAL
) WITHOUT ROWID
"""


class SQLiteSessions:
    def __init__(self, path: str | Path, ttl: float, forget: Forget = keep, patience: float = 2.0) -> None:
        self._ttl, self._forget, self._patience = ttl, forget, patience
        self._database: sqlite3.Connection = connect(path)
        self._database.execute(SESSIONS)

    async def _ask(self, question: str, *values: str | float) -> list[tuple[str, ...]]:
        return await patiently(lambda: self._database.execute(question, values).fetchall(), self._patience)

    async def open(self, protocol: str, most: int) -> Session | None:
        now = time.time()
        for (session_id,) in await self._ask("SELECT id FROM sessions WHERE until <= ?", now):
            await self.end(session_id)
            await self._forget(session_id)
        session = Session(secrets.token_hex(16), protocol, "")
        new = "INSERT INTO sessions SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM sessions) < ? RETURNING id"
        opened = await self._ask(new, session.id, protocol, "", now + self._ttl, most)
        return session if opened else None

    async def use(self, session_id: str) -> Session | None:
        now = time.time()
        renew = "UPDATE sessions SET until = ? WHERE id = ? AND until > ? RETURNING id, protocol, reader"
        found = await self._ask(renew, now + self._ttl, session_id, now)
        return Session(*found[0]) if found else None

    async def has(self, session_id: str) -> bool:
        return bool(
            await self._ask("SELECT 1 FROM sessions WHERE id = ? AND until > ?", session_id, time.time())
        )

    async def read_by(self, session_id: str, reader: str) -> None:
        await self._ask("UPDATE sessions SET reader = ? WHERE id = ?", reader, session_id)

    async def end(self, session_id: str) -> bool:
        return bool(await self._ask("DELETE FROM sessions WHERE id = ? RETURNING id", session_id))

    def close(self) -> None:
        self._database.close()


OPEN = "mcp:sessions"  # a sorted set of all sessions by the time at which they are over, to count them
# Counted and added at once: who comes in the same moment is counted too.
OPEN_ONE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
READ_BY = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HSET', KEYS[1], 'reader', ARGV[1])"


class RedisSessions:
    def __init__(self, client: Redis, ttl: float) -> None:
        self.client, self._ttl = client, ttl
        self._trips = RoundTrips(client)

    async def open(self, protocol: str, most: int) -> Session | None:
        now, ttl = time.time(), round(self._ttl * 1000)
        session = Session(secrets.token_hex(16), protocol, "")
        key = keys_of(session.id)[0]
        (counted,) = await self._trips.ask(
            ("EVAL", OPEN_ONE, 1, OPEN, now, most, now + self._ttl, session.id, ttl)
        )
        if not counted:
            return None
        async with self.client.pipeline() as pipeline:
            pipeline.hset(key, mapping={"protocol": protocol, "reader": ""})
            pipeline.pexpire(key, ttl)
            await pipeline.execute()
        return session

    async def use(self, session_id: str) -> Session | None:
        """All keys of a session are renewed together: events that ended before it would be missed."""
        ttl = round(self._ttl * 1000)
        *_, found = await self._trips.ask(
            *(("PEXPIRE", key, ttl) for key in keys_of(session_id)),
            ("ZADD", OPEN, "XX", time.time() + self._ttl, session_id),
            ("PEXPIRE", OPEN, ttl),
            ("HMGET", keys_of(session_id)[0], "protocol", "reader"),
        )
        match found:
            case [bytes(protocol), bytes(reader)]:
                return Session(session_id, protocol.decode(), reader.decode())
            case _:
                return None

    async def has(self, session_id: str) -> bool:
        (found,) = await self._trips.ask(("EXISTS", keys_of(session_id)[0]))
        return bool(found)

    async def read_by(self, session_id: str, reader: str) -> None:
        # Not where the session has ended in the meantime: it would be there again, and half of it.
        await self._trips.ask(("EVAL", READ_BY, 1, keys_of(session_id)[0], reader))

    async def end(self, session_id: str) -> bool:
        await self.client.zrem(OPEN, session_id)
        return bool(await self.client.delete(keys_of(session_id)[0]))
