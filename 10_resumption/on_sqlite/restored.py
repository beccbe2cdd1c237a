"""Answers for the sessions of a server that was killed: the SDK does not know them, the journal does."""

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from on_sqlite.journal import Journal
from plumbing.door import Refusal
from plumbing.jsonrpc import SESSION_NOT_FOUND
from server_side.door import refusing
from server_side.sessions import Sessions

log = logging.getLogger("server")
ENDED = "The server was started again: resume what is left of this session, and initialize a new one."


class Restored:
    def __init__(self, app: ASGIApp, journal: Journal, sessions: Sessions) -> None:
        self._app, self._journal, self._sessions = app, journal, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        session_id = request.headers.get("mcp-session-id", "")
        if self._sessions.streams(session_id) or not self._journal.knows(session_id):
            await self._app(scope, receive, send)
        else:
            await self._answer(request, session_id)(scope, receive, send)

    def _answer(self, request: Request, session_id: str) -> Response:
        if request.method == "DELETE":
            self._journal.end(session_id)
            log.info("session %.8s: ended", session_id)
            return Response()
        last_event_id = request.headers.get("last-event-id")
        if request.method != "GET" or last_event_id is None:
            raise Refusal(404, ENDED, SESSION_NOT_FOUND)
        with refusing():
            events = self._journal.after(session_id, last_event_id)
        log.info("session %.8s: resumed after %s, from the file", session_id, last_event_id)
        body = "".join(f"id: {name}\r\nevent: message\r\ndata: {data}\r\n\r\n" for name, data in events)
        return Response(
            body, media_type="text/event-stream", headers={"cache-control": "no-cache, no-transform"}
        )
