"""The door before the SDK: whose request it is, and what is refused before the SDK answers it with silence.

An unknown or evicted event id gets an empty 200 from the SDK, and its client then asks again, for ever.
"""

import json
import logging
from collections.abc import Mapping
from weakref import WeakValueDictionary

from pydantic import JsonValue
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from event_store import EvictedError, NotIssuedError, SessionEvents, current

log = logging.getLogger("server")

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
    def __init__(self, app: ASGIApp, max_events: int, retry: int) -> None:
        self._app, self._max_events, self._retry = app, max_events, retry
        self._sessions: WeakValueDictionary[str, SessionEvents] = WeakValueDictionary()
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        priming = b""
        try:
            events = self._events_of(request)
            cursor = request.headers.get("last-event-id") if request.method == "GET" else None
            if cursor is not None:
                check(events, cursor)  # (law 7)
                log.info("%s: resumed after %s", shown(request), cursor)
            elif request.method == "GET":
                # The SDK gives a standing stream no id before its first message: one that is cut before is
                # lost. So it is followed like a resumed one, from the place where the last reader was, or
                # from where it is still kept.
                cursor = f"{events.standing.name}-{max(events.standing.sent, events.standing.evicted)}"
                scope = {**scope, "headers": [*scope["headers"], (b"last-event-id", cursor.encode())]}
            if cursor and request.headers.get("mcp-protocol-version", PROTOCOLS[0]) >= "2025-11-25":
                # Resumed or new, a stream that is cut before anything has come is resumed from here.
                priming = f"id: {cursor}\r\ndata: \r\nretry: {self._retry}\r\n\r\n".encode()
        except Refusal as refusal:
            if "mcp-session-id" in request.headers:
                log.info("%s: refused with %d", shown(request), refusal.response.status_code)
            await refusal.response(scope, receive, send)
            return
        current.set(events)
        await self._pass_on(request, scope, receive, send, priming)

    async def _pass_on(
        self, request: Request, scope: Scope, receive: Receive, send: Send, priming: bytes
    ) -> None:
        """Let the SDK answer, and see in its answer which sessions begin and end."""
        ended = True

        async def watch(message: Message) -> None:
            nonlocal ended
            begins = message["type"] == "http.response.start"
            ended = not message.get("more_body", begins)
            if begins and message["status"] == 200:
                self._note(request, Headers(raw=message["headers"]))
            await send(message)
            if begins and message["status"] == 200 and priming:
                await send({"type": "http.response.body", "body": priming, "more_body": True})

        await self._app(scope, receive, watch)
        if not ended:  # the client is gone, or the server stops
            log.info("%s: a connection was lost", shown(request))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _note(self, request: Request, answer: Mapping[str, str]) -> None:
        if "mcp-session-id" in answer and "mcp-session-id" not in request.headers:
            self._sessions[answer["mcp-session-id"]] = current.get()
            log.info("session %.8s: opened", answer["mcp-session-id"])
        elif request.method == "DELETE":
            current.get().end()
            self._sessions.pop(request.headers["mcp-session-id"], None)
            log.info("%s: ended", shown(request))

    def _events_of(self, request: Request) -> SessionEvents:
        """The events of the session that a request names, or of the one that it will open."""
        headers = request.headers
        if self._closed:
            raise Refusal(503, "The server stops.")
        if (version := headers.get("mcp-protocol-version", PROTOCOLS[0])) not in PROTOCOLS:
            # 2026-07-28 has no event ids: served, a client would lose what a cut loses, without a word.
            told: JsonValue = {"supported": list(PROTOCOLS), "requested": version[:60]}
            raise Refusal(400, f"This server speaks MCP {', '.join(PROTOCOLS)}.", UNSUPPORTED_PROTOCOL, told)
        session_id = headers.get("mcp-session-id")
        if session_id is None and request.method not in ("GET", "DELETE"):
            return SessionEvents(self._max_events)
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session_id not in self._sessions:
            say = "This session is unknown or has ended: initialize a new one."
            raise Refusal(404, say, SESSION_NOT_FOUND)
        return self._sessions[session_id]

    def close(self) -> None:
        """Let nobody in any more, and end the streams, which do not end by themselves."""
        self._closed = True
        for events in list(self._sessions.values()):
            events.end()


def check(events: SessionEvents, last_event_id: str) -> None:
    afresh = "Send the request again to have its work done afresh; GET without Last-Event-ID only listens."
    try:
        events.find(last_event_id)
    except NotIssuedError:
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError:
        raise Refusal(410, f"What came next is no longer kept. {afresh}", NOT_RESUMABLE) from None


def shown(request: Request) -> str:
    """Never the whole: who knows it is in."""
    session_id = request.headers.get("mcp-session-id")
    return f"session {session_id:.8}" if session_id else "no session yet"
