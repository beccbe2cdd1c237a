"""Sessions: which streams are whose, and when a session ends (law 8).

The SDK's own idle clock sees requests and not tools at work: it ends the tool of a client that is away. So it
is off, and this one ends a session only when nothing of it is at work, by a DELETE like any client's.
"""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
from starlette.types import ASGIApp

from event_store import SessionStreams
from on_sqlite.journal import Journal

log = logging.getLogger("server")


@dataclass(slots=True)
class Session:
    streams: SessionStreams
    requests: int = 0
    idle_clock: asyncio.TimerHandle | None = None


class Sessions:
    def __init__(self, max_idle: float, journal: Journal | None = None) -> None:
        self._max_idle, self._journal = max_idle, journal
        self._open: dict[str, Session] = {}
        self._endings: set[asyncio.Task[None]] = set()

    def open(self, session_id: str, streams: SessionStreams, door: ASGIApp) -> None:
        session = self._open[session_id] = Session(streams)
        if self._journal:
            self._journal.open(session_id, streams.buffer.name)
        log.info("session %.8s: opened", session_id)  # never the whole id: who knows it is in
        self._watch(session_id, session, door)

    def streams(self, session_id: str) -> SessionStreams | None:
        session = self._open.get(session_id)
        return session and session.streams

    def end(self, session_id: str) -> None:
        if session := self._open.pop(session_id, None):
            session.streams.end()
            if self._journal:
                self._journal.end(session_id)
            log.info("session %.8s: ended", session_id)
            if session.idle_clock:
                session.idle_clock.cancel()

    @contextmanager
    def in_use(self, session_id: str | None, door: ASGIApp) -> Generator[None]:
        """The idle clock stands still while a request or a reader uses the session."""
        session = self._open.get(session_id or "")
        if session is None or session_id is None:
            yield
            return
        session.requests += 1
        if session.idle_clock:
            session.idle_clock.cancel()
        try:
            yield
        finally:
            session.requests -= 1
            if session.requests == 0 and session_id in self._open:
                self._watch(session_id, session, door)

    def _watch(self, session_id: str, session: Session, door: ASGIApp) -> None:
        loop = asyncio.get_running_loop()
        session.idle_clock = loop.call_later(self._max_idle, self._idle, session_id, session, door)

    def _idle(self, session_id: str, session: Session, door: ASGIApp) -> None:
        if session.streams.at_work:
            self._watch(session_id, session, door)
            return
        log.info("session %.8s: idle for %g s", session_id, self._max_idle)
        ending = asyncio.get_running_loop().create_task(delete(session_id, door))
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)


async def delete(session_id: str, door: ASGIApp) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://localhost:1") as http:
        await http.delete("/mcp", headers={"mcp-session-id": session_id})
