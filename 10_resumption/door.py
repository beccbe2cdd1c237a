"""The door: which session a request belongs to, and what is refused before the SDK turns it into silence.

The SDK answers an unknown or evicted event id with an empty 200, and its own client then asks again for ever.
"""

import json
import logging

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from event_store import InMemoryEventStore, current
from session_events import EvictedError, NotIssuedError, SessionEvents
from sessions import Sessions

log = logging.getLogger("server")

# 2026-07-28 has no sessions and no event ids. Refused, an SDK client falls back to `initialize`.
PROTOCOLS = ("2025-03-26", "2025-06-18", "2025-11-25")
INVALID_REQUEST, SESSION_NOT_FOUND, NOT_RESUMABLE, UNSUPPORTED_PROTOCOL = -32600, -32001, -32003, -32022


class Refusal(Exception):  # noqa: N818 (an answer, not a mishap)
    """An HTTP status and a JSON-RPC error that says what to do (law 7)."""

    def __init__(self, status: int, say: str, code: int = INVALID_REQUEST, data: JsonValue = None) -> None:
        super().__init__(say)
        told: dict[str, JsonValue] = {"code": code, "message": say}
        if data is not None:
            told["data"] = data
        body = json.dumps({"jsonrpc": "2.0", "id": None, "error": told})
        self.response = Response(body, status, media_type="application/json")


class Door:
    def __init__(self, app: ASGIApp, store: InMemoryEventStore, sessions: Sessions) -> None:
        self._app, self._store, self._sessions = app, store, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            events = self._enter(request)
        except Refusal as refusal:
            await refusal.response(scope, receive, send)
            return
        current.set(events)
        scope = {**scope, "path": "/mcp"} if scope["path"] == "/mcp/" else scope
        session_id = request.headers.get("mcp-session-id")
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
        if (version := headers.get("mcp-protocol-version", PROTOCOLS[0])) not in PROTOCOLS:
            told: JsonValue = {"supported": list(PROTOCOLS), "requested": version[:60]}
            raise Refusal(400, f"This server speaks MCP {', '.join(PROTOCOLS)}.", UNSUPPORTED_PROTOCOL, told)
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
