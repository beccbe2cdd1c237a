"""The door before the SDK: whose request it is, and what is refused before the SDK answers it with silence.

An unknown or evicted event id gets an empty 200 from the SDK, and its client then asks again, for ever.
"""

import logging
from collections.abc import Mapping
from weakref import WeakValueDictionary

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from event_store import SessionStreams, current
from plumbing.before_sdk import in_our_revision, with_body, with_plain_headers
from plumbing.body import Bodies
from plumbing.door import PROTOCOLS, Refusal
from plumbing.jsonrpc import NOT_RESUMABLE, SESSION_NOT_FOUND
from replay_buffer import EvictedError, NotIssuedError, ReplayBuffer
from server_side.settings import Settings

log = logging.getLogger("server")


class Door:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._max_events, self._retry = app, settings.max_events, settings.retry
        self._bodies = Bodies(settings)
        self._sessions: WeakValueDictionary[str, SessionStreams] = WeakValueDictionary()
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        scope = with_plain_headers(scope)
        priming = b""
        try:
            streams = self._streams_of(request)
            if request.method == "POST":
                body = await self._bodies.read(request)
                fresh = "mcp-session-id" not in request.headers
                receive = with_body(in_our_revision(body) if fresh else body, receive)
            cursor = request.headers.get("last-event-id") if request.method == "GET" else None
            if cursor is not None:
                check(streams.buffer, cursor)  # (law 7)
                log.info("%s: resumed after %s", shown(request), cursor)
            elif request.method == "GET":
                # The SDK gives a standing stream no id before its first message: one that is cut before is
                # lost. So it is followed like a resumed one, from the place where the last reader was, or
                # from where it is still kept.
                standing = streams.standing
                cursor = standing.id_of(max(standing.read_until, standing.evicted))
                scope = {**scope, "headers": [*scope["headers"], (b"last-event-id", cursor.encode())]}
            if cursor and request.headers.get("mcp-protocol-version", PROTOCOLS[0]) >= "2025-11-25":
                # Resumed or new, a stream that is cut before anything has come is resumed from here.
                priming = f"id: {cursor}\r\ndata: \r\nretry: {self._retry}\r\n\r\n".encode()
        except Refusal as refusal:
            if "mcp-session-id" in request.headers:
                log.info("%s: refused with %d", shown(request), refusal.status)
            raise
        current.set(streams)
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
            current.get().buffer.end()
            self._sessions.pop(request.headers["mcp-session-id"], None)
            log.info("%s: ended", shown(request))

    def _streams_of(self, request: Request) -> SessionStreams:
        """The streams of the session that a request names, or of the one that it will open."""
        headers = request.headers
        if self._closed:
            raise Refusal(503, "The server stops.")
        session_id = headers.get("mcp-session-id")
        if session_id is None and request.method not in ("GET", "DELETE"):
            return SessionStreams(self._max_events)
        if not session_id:
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session_id not in self._sessions:
            say = "This session is unknown or has ended: initialize a new one."
            raise Refusal(404, say, SESSION_NOT_FOUND)
        return self._sessions[session_id]

    def close(self) -> None:
        """Let nobody in any more, and end the streams, which do not end by themselves."""
        self._closed = True
        for streams in list(self._sessions.values()):
            streams.buffer.end()


def check(buffer: ReplayBuffer, last_event_id: str) -> None:
    afresh = "Send the request again to have its work done afresh; GET without Last-Event-ID only listens."
    try:
        buffer.find(last_event_id)
    except NotIssuedError:
        raise Refusal(400, f"Not an event id of this session. {afresh}", NOT_RESUMABLE) from None
    except EvictedError:
        raise Refusal(410, f"What came next is no longer kept. {afresh}", NOT_RESUMABLE) from None


def shown(request: Request) -> str:
    """Never the whole: who knows it is in. And no control bytes: a terminal would obey them."""
    session_id = request.headers.get("mcp-session-id", "")[:8]
    known = "".join(letter if letter.isprintable() else "?" for letter in session_id)
    return f"session {known}" if known else "no session yet"
