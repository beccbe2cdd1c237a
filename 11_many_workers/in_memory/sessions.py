"""Sessions in memory: they end with the process."""

import secrets
import time

from sessions import Forget, Session, keep


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
