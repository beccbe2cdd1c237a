"""A long build on a network that stays away: what is kept for its client, for how long, and what then.

session  what one client opened with `initialize`, named by an `Mcp-Session-Id`
stream   the messages of one call, or the session's standing ones, whether or not a connection carries them
reader   the connection that carries a stream now: the POST that began it, or a GET that resumes it
event, place, id, cursor and window are explained in `replay_buffer.py`
"""

from plumbing.ctrl_c import in_order

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncGenerator

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from builds.registry import KEY, TOOL, Builds, CannotBuildError
from plumbing.body import Bodies, parse
from plumbing.door import PROTOCOLS, Guard, Refusal, json_response
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import NOT_RESUMABLE, Message, result
from plumbing.launch import before_exit, launch
from plumbing.methods import initialized, reply, tool_result
from replay_buffer import EvictedError, NotIssuedError, Stream
from sessions import Limits, Session, Sessions

log = logging.getLogger("server")
MOST_IN_ONE_WRITE = 1000


class Endpoint:
    """`/mcp`: POST to send, GET to listen or to resume, DELETE to end."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.bodies = Bodies(limits)
        self.sessions = Sessions(limits)
        self.builds = Builds(limits, self.sessions)

    async def follow(
        self, session: Session, stream: Stream, cursor: int, opening: str
    ) -> AsyncGenerator[bytes]:
        """Backlog and live tail are one sequence, read with one cursor (law 3), until it is over (law 6)."""
        news = asyncio.Event()
        stream.hand_over(news)
        with self.sessions.in_use(session):
            try:
                yield opening.encode()
                while stream.reader is news and cursor >= stream.evicted:
                    news.clear()
                    if events := stream.after(cursor, MOST_IN_ONE_WRITE):
                        yield b"".join(events)
                        cursor += len(events)
                    elif stream.is_over:
                        break
                    elif not await comes(news, self.limits.ping):
                        yield b": still here\n"
            finally:
                if stream.reader is news:
                    stream.hand_over(None)
                    if not stream.is_over or cursor < stream.last:
                        log.info("%s: connection lost after %s", session, stream.id_of(cursor))

    def carry(self, session: Session, stream: Stream, cursor: int, priming: str) -> Response:
        opening = (
            f"retry: {self.limits.retry}\n{priming}"  # no blank line: it travels with the event that follows
        )
        return EventStream(self.follow(session, stream, cursor, opening))

    def call(self, session: Session, message: Message, request_id: int | str) -> Response:
        """A build is answered on a stream of its own, which begins with a cursor."""
        arguments, meta = message.params.get("arguments", {}), message.params.get("_meta")
        try:
            call = self.builds.call(session, request_id, arguments, meta)
        except CannotBuildError as reason:
            return json_response(result(request_id, tool_result(str(reason), failed=True)))
        return self.carry(session, call.stream, 0, session.primes(call.stream, 0))

    def listen(self, session: Session, last_event_id: str | None) -> Response:
        """A standing stream begins at the present, a resumed one where the cursor stands."""
        if last_event_id is not None:
            stream, cursor = resumed(session, last_event_id)
            log.info("%s: resumed after %s: %d missed", session, last_event_id, stream.last - cursor)
            return self.carry(session, stream, cursor, "")
        stream = session.standing
        cursor = stream.last if session.was_read else stream.evicted
        session.was_read = True
        return self.carry(session, stream, cursor, session.primes(stream, cursor))

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
                self.builds.leave_all(session)
                self.sessions.end(session, "deleted by its client")
                return Response(status_code=204)
            message = parse(await self.bodies.read(request))
            if message.method == "notifications/cancelled":
                self.builds.cancel(session, message.params.get("requestId"))
            if message.method is None or message.id is None:
                return Response(status_code=202)  # a response or a notification wants no answer
            if message.method == "tools/call" and message.params.get("name") == TOOL["name"]:
                return self.call(session, message, message.id)
            return json_response(reply(session, message, TOOL))

    def initialize(self, message: Message) -> Response:
        if message.method != "initialize" or message.id is None:
            raise Refusal(
                400, "Begin with an initialize request, or send the Mcp-Session-Id it was answered with."
            )
        asked = message.params.get("protocolVersion")
        protocol = asked if isinstance(asked, str) and asked in PROTOCOLS else PROTOCOLS[-1]
        session = self.sessions.open(protocol)
        told = initialized(session, message, "flaky-network")
        return json_response(told, headers={"mcp-session-id": session.id})


def resumed(session: Session, last_event_id: str) -> tuple[Stream, int]:
    """What cannot be resumed is refused at once, with what is still there and a way on (law 7)."""
    try:
        return session.buffer.find(last_event_id)
    except NotIssuedError:
        afresh = "GET without Last-Event-ID opens the standing stream."
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError as evicted:
        told: JsonValue = {"oldest": None, "cursor": None}
        if (stream := evicted.stream) and (newest := stream.evicted) < stream.last:
            told = {"oldest": stream.id_of(newest + 1), "cursor": stream.id_of(newest)}
        say = (
            "What came next is no longer kept. For the result, call the tool again with the same "
            f"_meta {KEY!r}; for the messages that are still kept, GET with Last-Event-ID: data.cursor."
        )
        raise Refusal(410, say, NOT_RESUMABLE, told) from None


async def comes(news: asyncio.Event, within: float) -> bool:
    try:
        async with asyncio.timeout(within):
            return await news.wait()
    except TimeoutError:
        return False


def create_app(limits: Limits) -> Starlette:
    endpoint = Endpoint(limits)
    guarded = Guard(endpoint, limits)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        async with endpoint.builds:
            with before_exit(endpoint.sessions.close):
                try:
                    yield
                finally:
                    endpoint.sessions.close()

    return Starlette(routes=[Route("/mcp", guarded), Route("/mcp/", guarded)], lifespan=lifespan)


mcp_app = create_app(Limits())

if __name__ == "__main__":
    in_order()
    launch(Limits, create_app, "A server whose builds outlive an outage of the network.")

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
