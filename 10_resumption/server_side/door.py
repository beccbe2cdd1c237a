"""The door: which session a request belongs to, and what is refused before the SDK turns it into silence.

The SDK answers an unknown or evicted event id with an empty 200, and its own client then asks again for ever.
"""

import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from event_store import SessionStreams, current
from plumbing.before_sdk import in_our_revision, with_body, with_plain_headers
from plumbing.body import Bodies
from plumbing.door import Refusal
from plumbing.jsonrpc import NOT_RESUMABLE, SESSION_NOT_FOUND
from replay_buffer import EvictedError, NotIssuedError
from server_side.sessions import Sessions

log = logging.getLogger("server")


class Door:
    def __init__(
        self, app: ASGIApp, new_session: Callable[[], SessionStreams], sessions: Sessions, bodies: Bodies
    ) -> None:
        self._app, self._new_session, self._sessions, self._bodies = app, new_session, sessions, bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        scope = with_plain_headers(scope)
        streams = self._enter(request)
        session_id = request.headers.get("mcp-session-id")
        if request.method == "POST":
            body = await self._bodies.read(request)
            receive = with_body(in_our_revision(body) if session_id is None else body, receive)
        current.set(streams)
        scope = {**scope, "path": "/mcp"} if scope["path"] == "/mcp/" else scope
        with self._sessions.in_use(session_id, self):
            await self._pass_on(scope, receive, send, session_id, streams)

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, session_id: str | None, streams: SessionStreams
    ) -> None:
        """Let the SDK answer, and see in its answer which sessions begin and end."""
        ended = True

        async def watch(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start" and message["status"] == 200:
                if session_id is None:
                    self._sessions.open(Headers(raw=message["headers"])["mcp-session-id"], streams, self)
                elif scope["method"] == "DELETE":
                    self._sessions.end(session_id)
            ended = not message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        await self._app(scope, receive, watch)
        if not ended:  # the client is gone, or the server stops
            log.info("session %.8s: a connection has ended before its stream", session_id)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _enter(self, request: Request) -> SessionStreams:
        """The streams of the session that the request names."""
        headers = request.headers
        session_id = headers.get("mcp-session-id")
        if session_id is None and request.method == "POST":
            return self._new_session()
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        streams = self._sessions.streams(session_id)
        if streams is None:
            say = "This session is unknown or has ended: initialize a new one."
            raise Refusal(404, say, SESSION_NOT_FOUND)
        if request.method == "GET" and "last-event-id" in headers:
            with refusing():
                streams.buffer.find(headers["last-event-id"])
            log.info("session %.8s: resumed after %s", session_id, headers["last-event-id"])
        return streams


@contextmanager
def refusing() -> Generator[None]:
    """What cannot be resumed is refused at once, and aloud (law 7)."""
    afresh = "Send the request again to have its work done afresh."
    try:
        yield
    except NotIssuedError:
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError:
        raise Refusal(410, f"What came next is no longer kept. {afresh}", NOT_RESUMABLE) from None
