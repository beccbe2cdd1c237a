"""Streamable HTTP by hand: a stream that outlives its connection.

session  what one client opened with `initialize`, named by an `Mcp-Session-Id`
stream   the session's messages in one order, whether or not a connection carries them
reader   the GET that carries the stream now
event, place, id and cursor are explained in `replay_buffer.py`
"""

from plumbing.ctrl_c import in_order

import contextlib
import logging
import sys
from collections.abc import AsyncGenerator

from pydantic import JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from plumbing.body import Bodies, parse
from plumbing.burst import TOOL, Burst
from plumbing.door import PROTOCOLS, Guard, Refusal, json_response
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import NOT_RESUMABLE, Message, result
from plumbing.launch import before_exit, launch
from plumbing.methods import first_mistake, initialized, reply, tool_result
from replay_buffer import EvictedError, NotIssuedError, ReplayBuffer
from sessions import Limits, Session, Sessions

log = logging.getLogger("server")
MOST_IN_ONE_WRITE = 1000


class Endpoint:
    """`/mcp`: GET to listen, POST to send, DELETE to end."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.sessions = Sessions(limits)
        self.bodies = Bodies(limits)

    async def follow(self, session: Session, cursor: int, opening: str) -> AsyncGenerator[bytes]:
        """Backlog and live tail are one sequence: one buffer, read with one cursor (law 3).

        There is no moment at which a replay ends and a subscription begins, so nothing can fall between.
        """
        reader = object()
        session.hand_over(reader)
        with self.sessions.in_use(session):
            try:
                yield opening.encode()
                while session.reader is reader and cursor >= session.buffer.evicted:
                    if events := session.buffer.after(cursor, MOST_IN_ONE_WRITE):
                        yield b"".join(events)
                        session.begin_at = None
                        cursor += len(events)
                    elif not await session.news(self.limits.ping):
                        yield b": still here\n"
            finally:
                if session.reader is reader:
                    session.reader = None
                    log.info("%s: connection lost after %s", session, session.buffer.id_of(cursor))

    def listen(self, session: Session, last_event_id: str | None) -> Response:
        """A new stream begins at the present, a resumed one where the cursor stands."""
        buffer = session.buffer
        opening = f"retry: {self.limits.retry}\n"  # no blank line: it travels with the event that follows
        if last_event_id is None:
            # What was sent before anybody came is not lost, nor is it if the first reader was cut before it
            # had an event: that reader has no cursor to come back with.
            present = buffer.last if session.begin_at is None else session.begin_at
            cursor = session.begin_at = max(present, buffer.evicted)
            if session.protocol >= "2025-11-25":  # older clients stumble over an event without data
                opening += f"id: {buffer.id_of(cursor)}\ndata:\n\n"
            log.info("%s: stream opened at %s", session, buffer.id_of(cursor))
        else:
            cursor = cursor_of(buffer, last_event_id)
            log.info("%s: resumed after %s: %d missed", session, last_event_id, buffer.last - cursor)
        return EventStream(self.follow(session, cursor, opening))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.respond(Request(scope, receive))
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        session_id = request.headers.get("mcp-session-id")
        if session_id is None and request.method == "POST":
            return self.initialize(parse(await self.bodies.read(request)))
        session = self.sessions.find(session_id)
        with self.sessions.in_use(session):
            if request.method == "GET":
                return self.listen(session, request.headers.get("last-event-id"))
            if request.method == "DELETE":
                self.sessions.end(session, "deleted by its client")
                return Response(status_code=204)
            message = parse(await self.bodies.read(request))
            if message.method is None or message.id is None:
                return Response(status_code=202)  # a response or a notification wants no answer
            if message.method == "tools/call" and message.params.get("name") == TOOL["name"]:
                begun = self.begin(session, message.params.get("arguments", {}))
                return json_response(result(message.id, begun))
            return json_response(reply(session, message, TOOL))

    def begin(self, session: Session, arguments: JsonValue) -> JsonValue:
        """The burst belongs to the session, not to this request (law 5)."""
        try:
            burst = Burst.model_validate(arguments)
        except ValidationError as mistake:
            return tool_result(first_mistake(mistake), failed=True)
        if not self.sessions.begin(session, lambda: burst.run(session.send)):
            full = "This session has as many bursts at work as it may: wait for one to end."
            return tool_result(full, failed=True)
        return tool_result(f"A burst of {burst.count} messages has begun.")

    def initialize(self, message: Message) -> Response:
        if message.method != "initialize" or message.id is None:
            raise Refusal(
                400, "Begin with an initialize request, or send the Mcp-Session-Id it was answered with."
            )
        asked = message.params.get("protocolVersion")
        session = self.sessions.open(
            asked if isinstance(asked, str) and asked in PROTOCOLS else PROTOCOLS[-1]
        )
        told = initialized(session, message, "advanced-stream-resumption")
        return json_response(told, headers={"mcp-session-id": session.id})


def cursor_of(buffer: ReplayBuffer, last_event_id: str) -> int:
    """What cannot be resumed is refused at once, and aloud (law 7)."""
    afresh = "GET without Last-Event-ID opens a new stream."
    try:
        return buffer.find(last_event_id)
    except NotIssuedError:
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError:
        left: JsonValue = {"oldest": buffer.id_of(buffer.evicted + 1), "cursor": buffer.id_of(buffer.evicted)}
        say = "What came next is no longer kept. For what is left, GET with Last-Event-ID: data.cursor."
        raise Refusal(410, say, NOT_RESUMABLE, left) from None


def create_app(limits: Limits) -> Starlette:
    endpoint = Endpoint(limits)
    guarded = Guard(endpoint, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        async with endpoint.sessions:
            with before_exit(endpoint.sessions.close):
                yield

    return Starlette(routes=[Route("/mcp", guarded), Route("/mcp/", guarded)], lifespan=lifespan)


mcp_app = create_app(Limits())

if __name__ == "__main__":
    in_order()
    launch(Limits, create_app, "A Streamable HTTP server whose streams can be resumed.")

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
