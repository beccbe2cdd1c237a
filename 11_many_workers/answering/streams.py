"""The answers that are streams: to a GET, and to the POST of a call."""

import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from pydantic import JsonValue
from starlette.responses import Response

from answering.frames import ends, opened
from plumbing.door import Refusal
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import NOT_RESUMABLE
from replay_buffer import Event, EvictedError, NotIssuedError, id_of, place_of, stream_of
from sessions import Session

if TYPE_CHECKING:
    from server import MCPServer

log = logging.getLogger(__name__)
NOT_ISSUED = (
    "Not an event id of this session. GET without Last-Event-ID opens a new stream; "
    "a call that is sent again, with its id, has its stream from the start."
)
NOTHING_LEFT = "Nothing is kept of this stream: send the call again, with a new id."


async def listen(server: "MCPServer", session: Session, last_event_id: str | None) -> Response:
    """A new standing stream begins at the present, any other goes on where the cursor stands."""
    standing = stream_of(session.id)
    if not server.resumes:
        return EventStream(await read(server, session, id_of(standing, 0)))
    if last_event_id is None:
        newest = await server.buffer.replay(session.id, None) if session.reader else []
        cursor = newest[0].id if newest else id_of(standing, 0)
        return EventStream(await read(server, session, cursor, primed=True))
    missed = await missed_after(server, session, last_event_id)
    log.info("%s: resumed after %s: %d missed", session, last_event_id, len(missed))
    if not missed and await is_over(server, session, last_event_id):
        return Response(opened(server.limits.retry), media_type=EventStream.media_type)
    return EventStream(await read(server, session, last_event_id, missed))


async def answer_from(server: "MCPServer", session: Session, stream: str) -> Response:
    """A call's stream, from its beginning on, also if the call was only sent again."""
    cursor = id_of(stream, 0)
    missed = await missed_after(server, session, cursor)
    return EventStream(await read(server, session, cursor, missed, primed=True))


async def answer_live(
    server: "MCPServer", session: Session, stream: str, begin: Callable[[], Awaitable[str]]
) -> Response:
    """Without a buffer nothing is kept of what comes too early: so the call begins when nothing is missed."""
    events = await read(server, session, id_of(stream, 0))
    try:
        first = await anext(events) + await anext(events)  # what opens it, and that it has looked
        await begin()
    except BaseException:
        await events.aclose()
        raise
    return EventStream(after(first, events))


async def after(first: bytes, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(events):
        yield first
        async for more in events:
            yield more


async def read(
    server: "MCPServer", session: Session, cursor: str, missed: Sequence[Event] = (), *, primed: bool = False
) -> AsyncGenerator[bytes]:
    """Whoever has read the stream until now ends; older clients stumble over an event without data."""
    stream, _ = place_of(session.id, cursor)
    reader = secrets.token_hex(8)
    if stream == stream_of(session.id):
        await server.sessions.read_by(session.id, reader)
    await server.broker.hand_over(session.id, reader, stream)
    primed = primed and session.protocol >= "2025-11-25"
    opening = opened(server.limits.retry, cursor if primed else None)
    return server.follow(Session(session.id, session.protocol, reader), cursor, opening, missed)


async def missed_after(server: "MCPServer", session: Session, cursor: str) -> list[Event]:
    """What cannot be resumed is refused at once, and aloud (law 7)."""
    try:
        return await server.buffer.replay(session.id, cursor)
    except NotIssuedError:
        raise Refusal(400, NOT_ISSUED, NOT_RESUMABLE) from None
    except EvictedError as evicted:
        if not evicted.cursor:
            raise Refusal(410, NOTHING_LEFT, NOT_RESUMABLE) from None
        stream, place = place_of(session.id, evicted.cursor)
        left: JsonValue = {"oldest": id_of(stream, place + 1), "cursor": evicted.cursor}
        say = "What came next is no longer kept. For what is left, GET with Last-Event-ID: data.cursor."
        raise Refusal(410, say, NOT_RESUMABLE, left) from None


async def is_over(server: "MCPServer", session: Session, cursor: str) -> bool:
    """Whether the event at the cursor is the answer to a call: then nothing will follow it (law 6)."""
    stream, place = place_of(session.id, cursor)
    if stream == stream_of(session.id) or place == 0:
        return False
    return ends(await server.buffer.replay(session.id, id_of(stream, place - 1), 1))
