"""Streamable HTTP by many workers: any of them serves any request, and may be killed at any moment.

stream  messages in one order, whichever worker records them and whichever one sends them: a session's
        standing stream, or a call's, which ends with the answer
look    read the buffer from the cursor on; what the broker brings is sent only if it follows without a hole
worker  a process: it serves, and it does work that `worker.py` takes from the engine
"""

from plumbing.ctrl_c import in_order

import asyncio
import contextlib
import json
import logging
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Sequence

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from answering.endpoint import Endpoint, Running
from broker import Inbox, SSEBroker
from in_memory.broker import InMemorySSEBroker
from in_memory.sessions import InMemorySessions
from plumbing.door import Guard, Refusal
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import NOT_RESUMABLE, SESSION_NOT_FOUND
from plumbing.launch import before_exit
from replay_buffer import (
    Event,
    EvictedError,
    NotIssuedError,
    SSEReplayBuffer,
    Step,
    id_of,
    place_of,
    stream_of,
)
from sessions import Session, SessionStore
from starting.flags import start
from starting.limits import Limits, Settings
from starting.storage import TROUBLE, excuse, opened
from worker import working

log = logging.getLogger("server")
MOST_IN_ONE_WRITE = 1000
COMPACT = json.JSONEncoder(separators=(",", ":"))
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
        self.buffer = sse_replay_buffer
        forget = [self.buffer.forget] if self.buffer else []
        self.sessions = sessions or InMemorySessions(self.limits.max_idle, *forget)
        self.streams: set[Inbox] = set()
        self.closed = False
        self.at_once = self.broker.at_once(self.buffer, self.sessions)

    async def notify(self, session_id: str, payload: JsonValue) -> Event | None:
        """Record, then fan out: what is on the wire can be had again (law 1)."""
        return await self.send(session_id, COMPACT.encode(payload))

    async def send(self, session_id: str, message: str, step: Step | None = None) -> Event | None:
        """None: the session has ended, or the step is recorded already. Nothing is kept then."""
        if self.at_once:
            return await self.at_once(session_id, message, step)
        if not await (self.is_open if step else self.sessions.has)(session_id):
            return None
        if self.buffer:
            event = await self.buffer.record(session_id, message, step)
        else:
            event = Event(id_of(step.stream if step else stream_of(session_id), 0), message)
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
                        if self.buffer:
                            events = await self.from_cursor(self.buffer, session.id, cursor, events)
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

    @staticmethod
    async def from_cursor(
        buffer: SSEReplayBuffer, session_id: str, cursor: str, events: list[Event] | None
    ) -> list[Event]:
        """What follows the cursor: the events that came live if they do, else what the buffer has."""
        if events is not None:
            _, here = place_of(session_id, cursor)
            events = [event for event in events if event.place > here]
            if all(event.place == place for place, event in enumerate(events, here + 1)):
                return events
        return await buffer.replay(session_id, cursor, MOST_IN_ONE_WRITE)

    async def listen(self, session: Session, last_event_id: str | None) -> Response:
        """A GET: a new standing stream begins at the present, any other goes on where the cursor stands."""
        if self.buffer is None:
            return await self.streamed(session, id_of(stream_of(session.id), 0))
        if last_event_id is None:
            newest = await self.buffer.replay(session.id, None) if session.reader else []
            cursor = newest[0].id if newest else id_of(stream_of(session.id), 0)
            return await self.streamed(session, cursor, self.priming(session, cursor))
        cursor = last_event_id
        missed = await self.missed(self.buffer, session.id, cursor)
        log.info("%s: resumed after %s: %d missed", session, cursor, len(missed))
        if not missed and await self.is_over(self.buffer, session.id, cursor):
            return Response(f"retry: {self.limits.retry}\n\n", media_type=EventStream.media_type)
        return await self.streamed(session, cursor, missed=missed)

    async def answer(self, session: Session, stream: str) -> Response:
        """A call's POST: its stream from the beginning on, also if the call was only sent again."""
        cursor = id_of(stream, 0)
        missed = await self.missed(self.buffer, session.id, cursor) if self.buffer else []
        return await self.streamed(session, cursor, self.priming(session, cursor), missed)

    async def streamed(
        self, session: Session, cursor: str, priming: str = "", missed: Sequence[Event] = ()
    ) -> Response:
        stream, _ = place_of(session.id, cursor)
        reader = secrets.token_hex(8)
        if stream == stream_of(session.id):
            await self.sessions.read_by(session.id, reader)
        await self.broker.hand_over(session.id, reader, stream)
        opening = f"retry: {self.limits.retry}\n{priming}".encode()
        follow = self.follow(Session(session.id, session.protocol, reader), cursor, opening, missed)
        return EventStream(follow)

    def priming(self, session: Session, cursor: str) -> str:
        """A cursor before the first message; older clients stumble over an event without data."""
        return f"id: {cursor}\ndata:\n\n" if self.buffer and session.protocol >= "2025-11-25" else ""

    @staticmethod
    async def missed(buffer: SSEReplayBuffer, session_id: str, last_event_id: str) -> list[Event]:
        """What cannot be resumed is refused at once, and aloud (law 7)."""
        afresh = "GET without Last-Event-ID opens a new stream."
        try:
            return await buffer.replay(session_id, last_event_id, MOST_IN_ONE_WRITE)
        except NotIssuedError:
            raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
        except EvictedError:
            raise Refusal(410, f"What came next is no longer kept. {afresh}", NOT_RESUMABLE) from None

    @staticmethod
    async def is_over(buffer: SSEReplayBuffer, session_id: str, cursor: str) -> bool:
        """Whether the event at the cursor is the answer to a call: then nothing will follow it (law 6)."""
        stream, place = place_of(session_id, cursor)
        if stream == stream_of(session_id) or place == 0:
            return False
        return ends(await buffer.replay(session_id, id_of(stream, place - 1), 1))

    async def open(self, protocol: str) -> Session:
        session = await self.sessions.open(protocol, self.limits.max_sessions)
        if session is None:
            raise Refusal(429, f"There are {self.limits.max_sessions} sessions: try later.")
        log.info("%s opened (%s)", session, protocol)
        return session

    async def find(self, session_id: str | None) -> Session:
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session := await self.sessions.use(session_id):
            return session
        gone = "This session is unknown or has ended: initialize a new one."
        raise Refusal(404, gone, SESSION_NOT_FOUND)

    async def end(self, session: Session) -> None:
        if await self.sessions.end(session.id):
            log.info("%s ended: deleted by its client", session)
        await self.broker.hand_over(session.id, "nobody")
        if self.buffer:
            await self.buffer.forget(session.id)

    def close(self) -> None:
        """End the streams of this worker, and open no more: their clients resume with another."""
        self.closed = True
        for inbox in self.streams:
            inbox.hand_over("another worker")


def framed(event: Event) -> bytes:
    """Without a buffer an event has no place, and so no id."""
    name = f"id: {event.id}\n" if event.place else ""
    return f"event: message\n{name}data: {event.message}\n\n".encode()


def ends(events: Sequence[Event]) -> bool:
    """A call's stream ends with the response, the only message in it that has no method."""
    return bool(events) and "method" not in json.loads(events[-1].message)


def create_app(settings: Settings) -> Starlette:
    """One worker: its server and its share of the work, on a storage that it opens itself."""
    limits = settings.limits
    guarded = Guard(Endpoint(limits), limits)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[dict[str, Running]]:
        form = "worker %(process)d  %(message)s"
        logging.basicConfig(level=logging.INFO, format=form, stream=sys.stdout)
        logging.getLogger("docket").setLevel(logging.CRITICAL)  # its tracebacks are not for users
        async with opened(settings) as storage:
            server = MCPServer(
                sse_broker=storage.broker,
                sse_replay_buffer=storage.buffer,
                sessions=storage.sessions,
                limits=limits,
            )
            async with working(storage, server, limits) as work:
                with before_exit(server.close):
                    yield {"running": Running(server, work)}

    return Starlette(routes=[Route("/mcp", guarded), Route("/mcp/", guarded)], lifespan=lifespan)


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
