"""Sessions: what one holds, how many there may be, and when one ends (law 8)."""

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from pydantic import JsonValue

from plumbing.door import Front, Refusal
from plumbing.jsonrpc import SESSION_NOT_FOUND
from replay_buffer import ReplayBuffer, Stream

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits(Front):
    """Each is a flag of `server.py`; what nothing uses has no request, reader or call."""

    max_events: Annotated[int, "events kept for each session"] = 5000
    max_age: Annotated[float, "seconds that an event is kept"] = 300.0
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_calls: Annotated[int, "calls at work in one session"] = 8
    max_keys: Annotated[int, "builds remembered by their idempotency key"] = 1000
    max_key_age: Annotated[float, "seconds that the result of such a build is kept"] = 3600.0
    max_idle: Annotated[float, "seconds until a session ends that nothing uses"] = 1800.0
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    ping: Annotated[float, "seconds of silence after which a stream shows that it is alive"] = 5.0


class Session:
    """What one client opened, and its standing stream."""

    def __init__(self, protocol: str, buffer: ReplayBuffer) -> None:
        self.id = secrets.token_hex(16)
        self.protocol = protocol
        self.buffer = buffer
        self.standing = buffer.open()
        self.was_read = False
        self.wants_log = True
        self.uses = 0
        self.idle_clock: asyncio.TimerHandle | None = None

    def __str__(self) -> str:
        return f"session {self.id[:8]}"  # never the whole: who knows it is in

    def send(self, stream: Stream, message: JsonValue) -> None:
        self.buffer.record(stream, json.dumps(message, separators=(",", ":")))

    def primes(self, stream: Stream, cursor: int) -> str:
        """The priming event: a cursor before the first message. Older clients stumble over it."""
        return f"id: {stream.id_of(cursor)}\ndata:\n\n" if self.protocol >= "2025-11-25" else ""


class Sessions:
    """All sessions of this process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, Session] = {}
        self._buffers: deque[ReplayBuffer] = deque()
        self._closed = False

    def close(self) -> None:
        self._closed = True
        for session in list(self._open.values()):
            self.end(session, "the server stops")

    def open(self, protocol: str) -> Session:
        if self._closed:
            raise Refusal(503, "The server stops.")
        if len(self._open) >= self._limits.max_sessions:
            raise Refusal(429, f"There are {len(self._open)} sessions: end one with DELETE, or try later.")
        buffer = ReplayBuffer(self._limits.max_events, self._limits.max_age, self._buffers)
        session = Session(protocol, buffer)
        self._open[session.id] = session
        log.info("%s opened (%s)", session, protocol)
        with self.in_use(session):  # and unused from now on, until the client comes back
            return session

    def find(self, session_id: str | None) -> Session:
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session_id not in self._open:
            say = "This session is unknown or has ended: initialize a new one."
            raise Refusal(404, say, SESSION_NOT_FOUND)
        return self._open[session_id]

    def end(self, session: Session, why: str) -> None:
        if self._open.pop(session.id, None):
            log.info("%s ended: %s", session, why)
            if session.idle_clock:
                session.idle_clock.cancel()
            session.buffer.end()

    def hold(self, session: Session) -> None:
        """The idle clock stands still while a request, a reader or a call uses the session."""
        session.uses += 1
        if session.idle_clock:
            session.idle_clock.cancel()

    def release(self, session: Session) -> None:
        session.uses -= 1
        if session.uses == 0 and not session.buffer.has_ended:
            why = f"idle for {self._limits.max_idle:g} s"
            loop = asyncio.get_running_loop()
            session.idle_clock = loop.call_later(self._limits.max_idle, self.end, session, why)

    @contextmanager
    def in_use(self, session: Session) -> Generator[None]:
        self.hold(session)
        try:
            yield
        finally:
            self.release(session)
