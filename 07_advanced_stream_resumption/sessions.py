"""Sessions: what one holds, how many there may be, and when one ends (law 8)."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Self

from plumbing.door import Front, Refusal
from plumbing.jsonrpc import SESSION_NOT_FOUND
from replay_buffer import ReplayBuffer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits(Front):
    """Each is a flag of `server.py`; what nothing uses has no request, reader or burst."""

    max_events: Annotated[int, "events kept for each session"] = 5000
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_bursts: Annotated[int, "bursts at work in one session"] = 8
    max_idle: Annotated[float, "seconds until a session ends that nothing uses"] = 1800.0
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    ping: Annotated[float, "seconds of silence after which a stream shows that it is alive"] = 15.0


class Session:
    """One client's stream, and the work that was begun for it."""

    def __init__(self, protocol: str, max_events: int) -> None:
        self.id = secrets.token_hex(16)
        self.protocol = protocol
        self.buffer = ReplayBuffer(max_events)
        self.reader: object | None = None
        self.begin_at: int | None = 0  # the place where a new stream begins; None: at the present
        self.wants_log = True
        self.bursts: set[asyncio.Task[None]] = set()
        self.uses = 0
        self.idle_clock: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()

    def __str__(self) -> str:
        return f"session {self.id[:8]}"  # never the whole: who knows it is in

    def send(self, message: str) -> None:
        """Store, then wake the reader, if there is one (law 1)."""
        if self.wants_log:
            self.buffer.record(message)
            self._news.set()

    def hand_over(self, reader: object | None) -> None:
        """The last to come reads, and an older reader ends: a client may know of a lost connection first."""
        self.reader = reader
        self._news.set()

    async def news(self, within: float) -> bool:
        """Wait until something was sent, or the reader has changed."""
        self._news.clear()
        try:
            async with asyncio.timeout(within):
                return await self._news.wait()
        except TimeoutError:
            return False


class Sessions:
    """All sessions of this process; leaving it ends them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, Session] = {}
        self._work = asyncio.TaskGroup()
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._work.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()
        await self._work.__aexit__(None, None, None)

    def close(self) -> None:
        self._closed = True
        for session in list(self._open.values()):
            self.end(session, "the server stops")

    def open(self, protocol: str) -> Session:
        if self._closed:
            raise Refusal(503, "The server stops.")
        if len(self._open) >= self._limits.max_sessions:
            raise Refusal(429, f"There are {len(self._open)} sessions: end one with DELETE, or try later.")
        session = Session(protocol, self._limits.max_events)
        self._open[session.id] = session
        log.info("%s opened (%s)", session, protocol)
        with self.in_use(session):  # and unused from now on, until the client comes back
            return session

    def find(self, session_id: str | None) -> Session:
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session_id not in self._open:
            raise Refusal(
                404, "This session is unknown or has ended: initialize a new one.", SESSION_NOT_FOUND
            )
        return self._open[session_id]

    def end(self, session: Session, why: str) -> None:
        if self._open.pop(session.id, None):
            log.info("%s ended: %s", session, why)
            session.hand_over(None)
            for burst in session.bursts:
                burst.cancel()

    @contextmanager
    def in_use(self, session: Session) -> Generator[None]:
        """The idle clock stands still while a request, a reader or a burst uses the session."""
        session.uses += 1
        if session.idle_clock:
            session.idle_clock.cancel()
        try:
            yield
        finally:
            session.uses -= 1
            if session.uses == 0:
                why = f"idle for {self._limits.max_idle:g} s"
                loop = asyncio.get_running_loop()
                session.idle_clock = loop.call_later(self._limits.max_idle, self.end, session, why)

    def begin(self, session: Session, work: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Begin work that belongs to the session: a lost connection does not cancel it (law 5)."""
        if len(session.bursts) >= self._limits.max_bursts:
            return False

        async def run() -> None:
            with self.in_use(session):
                await work()

        burst = self._work.create_task(run())
        session.bursts.add(burst)
        burst.add_done_callback(session.bursts.discard)
        return True
