"""The door: which session a request belongs to, and what is refused before the SDK turns it into silence.

The SDK answers an unknown or evicted event id with an empty 200, and its own client then asks again for ever.
"""

import logging

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from event_store import EvictedError, InMemoryEventStore, NotIssuedError, SessionEvents, current
from plumbing.before_sdk import in_our_revision, with_body, with_plain_headers
from plumbing.body import Bodies
from plumbing.door import Refusal
from plumbing.jsonrpc import NOT_RESUMABLE, SESSION_NOT_FOUND
from server_side.sessions import Sessions

log = logging.getLogger("server")


class Door:
    def __init__(self, app: ASGIApp, store: InMemoryEventStore, sessions: Sessions, bodies: Bodies) -> None:
        self._app, self._store, self._sessions, self._bodies = app, store, sessions, bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        scope = with_plain_headers(scope)
        events = self._enter(request)
        session_id = request.headers.get("mcp-session-id")
        if request.method == "POST":
            body = await self._bodies.read(request)
            receive = with_body(in_our_revision(body) if session_id is None else body, receive)
        current.set(events)
        scope = {**scope, "path": "/mcp"} if scope["path"] == "/mcp/" else scope
        with self._sessions.in_use(session_id, self):
            await self._pass_on(scope, receive, send, session_id, events)

    async def _pass_on(
        self, scope: Scope, receive: Receive, send: Send, session_id: str | None, events: SessionEvents
    ) -> None:
        """Let the SDK answer, and see in its answer which sessions begin and end."""
        ended = True

        async def watch(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start" and message["status"] == 200:
                if session_id is None:
                    self._sessions.open(Headers(raw=message["headers"])["mcp-session-id"], events, self)
                elif scope["method"] == "DELETE":
                    self._sessions.end(session_id)
            ended = not message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        await self._app(scope, receive, watch)
        if not ended:  # the client is gone, or the server stops
            log.info("session %.8s: a connection has ended before its stream", session_id)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _enter(self, request: Request) -> SessionEvents:
        """The events of the session that the request names."""
        headers = request.headers
        session_id = headers.get("mcp-session-id")
        if session_id is None and request.method == "POST":
            return self._store.new_session()
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        events = self._sessions.events(session_id)
        if events is None:
            say = "This session is unknown or has ended: initialize a new one."
            raise Refusal(404, say, SESSION_NOT_FOUND)
        if request.method == "GET" and "last-event-id" in headers:
            check(events, headers["last-event-id"])
            log.info("session %.8s: resumed after %s", session_id, headers["last-event-id"])
        return events


def check(events: SessionEvents, last_event_id: str) -> None:
    afresh = "Send the request again to have its work done afresh."
    try:
        events.find(last_event_id)
    except NotIssuedError:
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError:
        raise Refusal(410, f"This event is no longer kept. {afresh}", NOT_RESUMABLE) from None
