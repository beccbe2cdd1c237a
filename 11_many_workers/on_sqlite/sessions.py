"""Sessions in a file of SQLite: they outlive the process."""

import secrets
import sqlite3
import time
from pathlib import Path

from on_sqlite.file import connect, patiently
from sessions import Forget, Session, keep

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
