"""Streamable HTTP by many workers: any of them serves any request, and may be killed at any moment.

send    the buffer records a message, then the broker brings it to whichever worker holds the stream (law 1)
follow  from a cursor on, what the buffer has and what the broker brings are one sequence (law 3)
look    read the buffer: what the broker brings is sent only if it follows without a hole
stream  messages in one order, whoever records or sends them: a session's standing stream, or a call's
"""

from plumbing.ctrl_c import in_order

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from pydantic import JsonValue

from answering.frames import COMPACT, ends, framed
from broker import Inbox, SSEBroker
from in_memory.broker import InMemorySSEBroker
from in_memory.sessions import InMemorySessions
from jobs.counted_steps import OnlySteps, with_steps
from jobs.steps import Step
from replay_buffer import Event, EvictedError, NotIssuedError, SSEReplayBuffer, place_of, stream_of
from sessions import Session, SessionStore
from starting.app import app_of
from starting.flags import start
from starting.limits import Limits, Settings
from starting.storage import TROUBLE, excuse

log = logging.getLogger("server")
MOST_IN_ONE_WRITE = 1000
AGAIN = 0.25  # seconds until a stream looks again into a storage that failed


class MCPServer:
    """Without a buffer there are no ids, and nothing is resumed; without a broker it serves one process."""

    def __init__(
        self,
        *,
        sse_broker: SSEBroker | None = None,
        sse_replay_buffer: SSEReplayBuffer | None = None,
        sessions: SessionStore | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.broker = sse_broker or InMemorySSEBroker()
        self.buffer = with_steps(sse_replay_buffer, self.limits)
        self.resumes = not isinstance(self.buffer, OnlySteps)
        self.sessions = sessions or InMemorySessions(self.limits.max_idle, self.buffer.forget)
        self.in_one_trip = self.broker.in_one_trip(self.buffer, self.sessions)
        self.streams: set[Inbox] = set()
        self.closed = False

    async def notify(self, session_id: str, payload: JsonValue) -> Event | None:
        """To the session's standing stream."""
        return await self.send(session_id, COMPACT.encode(payload))

    async def send(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        """Record, then fan out: what is on the wire can be had again (law 1).

        None: the session has ended, or the step is recorded already. Nothing is kept then.
        """
        if self.in_one_trip:
            return await self.in_one_trip(session_id, message, step)
        if not await (self.is_open if step else self.sessions.has)(session_id):
            return None
        if step:
            event = await self.buffer.record_step(session_id, message, step)
        else:
            event = await self.buffer.record(session_id, message)
        if event:
            await self.broker.publish(session_id, event)
        return event

    async def is_open(self, session_id: str) -> bool:
        return await self.sessions.use(session_id) is not None

    async def follow(
        self, session: Session, cursor: str, opening: bytes, missed: Sequence[Event] = ()
    ) -> AsyncGenerator[bytes]:
        """Backlog and live tail are one sequence: places without a hole, from the broker or from the buffer.

        The inbox says `look` once it misses nothing more, and whenever it may have: only then the buffer is
        read. So nothing can fall between the two (law 3), and a broker that loses messages loses none.
        """
        stream, _ = place_of(session.id, cursor)
        of_a_call = stream != stream_of(session.id)
        async with self.broker.subscribe(session.id, stream) as inbox:
            self.streams.add(inbox)
            renewed, over = time.monotonic(), False
            try:
                yield opening + b"".join(map(framed, missed))
                log.info("%s: stream open after %s", session, cursor)
                cursor = missed[-1].id if missed else cursor
                over = of_a_call and ends(missed)
                while not (over or self.closed):
                    events = await inbox.take(min(self.limits.ping, self.limits.max_idle / 4))
                    if inbox.reader not in (None, session.reader):
                        return  # handed over, or ended
                    try:
                        if events is None or time.monotonic() > renewed + self.limits.max_idle / 4:
                            renewed = time.monotonic()
                            found = await self.sessions.use(session.id)
                            if not found or (found.reader != session.reader and not of_a_call):
                                return  # as above, and the broker did not tell
                        if self.resumes:
                            events = await self.from_cursor(session.id, cursor, events)
                    except (EvictedError, NotIssuedError):
                        return  # too slow a reader, or an emptied storage: it is told when it comes back
                    except TROUBLE as error:
                        yield f": {excuse(error)}\n".encode()
                        await asyncio.sleep(AGAIN)
                        inbox.look()
                        continue
                    yield b"".join(map(framed, events or ())) or b": still here\n"
                    cursor = events[-1].id if events else cursor
                    over = of_a_call and ends(events or ())
                    if events and len(events) >= MOST_IN_ONE_WRITE:
                        inbox.look()  # there may be more
            finally:
                self.streams.discard(inbox)
                log.info("%s: stream %s after %s", session, "over" if over else "lost", cursor)

    async def from_cursor(self, session_id: str, cursor: str, live: list[Event] | None) -> list[Event]:
        """What follows the cursor: the events that came live if they do, else what the buffer has."""
        if live is not None:
            _, here = place_of(session_id, cursor)
            live = [event for event in live if event.place > here]
            if all(event.place == place for place, event in enumerate(live, here + 1)):
                return live
        return await self.buffer.replay(session_id, cursor, MOST_IN_ONE_WRITE)

    async def end(self, session: Session) -> None:
        if await self.sessions.end(session.id):
            log.info("%s ended: deleted by its client", session)
        await self.broker.hand_over(session.id, "nobody")
        await self.buffer.forget(session.id)

    def close(self) -> None:
        """End the streams of this worker, and open no more: their clients resume with another."""
        self.closed = True
        for inbox in self.streams:
            inbox.hand_over("another worker")


create_app = partial(app_of, MCPServer)
mcp_app = create_app(Settings())

if __name__ == "__main__":
    in_order()
    start(create_app)

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "pydocket>=0.27,<0.28",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
