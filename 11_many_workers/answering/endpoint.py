"""`/mcp`: GET to listen, POST to send, DELETE to end. The same in every worker, which says who it is."""

import logging
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from answering.methods import initialized, reply
from answering.streams import answer_from, answer_live, listen
from jobs.build import Build
from plumbing.body import Bodies, parse
from plumbing.door import PROTOCOLS, Refusal, accepts, json_response
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import SESSION_NOT_FOUND, Message
from replay_buffer import stream_of
from sessions import Session, SessionStore
from starting.limits import Limits
from starting.storage import TROUBLE, excuse
from worker import Work

if TYPE_CHECKING:
    from server import MCPServer

log = logging.getLogger(__name__)


class Running(NamedTuple):
    """What a worker has at hand for each request, once it has begun."""

    server: "MCPServer"
    work: Work


class Endpoint:
    def __init__(self, limits: Limits) -> None:
        self._bodies, self._max_sessions = Bodies(limits), limits.max_sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def signed(message: AsgiMessage) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-worker"] = str(os.getpid())
            await send(message)

        request = Request(scope, receive)
        try:
            response = await self.respond(request, *scope["state"]["running"])
        except Refusal as refusal:
            response = refusal.response()
        except TROUBLE as error:
            log.info("storage: %s (%s)", type(error).__name__, error)
            response = Refusal(503, excuse(error)).response()
        await response(scope, receive, signed)

    async def respond(self, request: Request, server: "MCPServer", work: Work) -> Response:
        session_id = request.headers.get("mcp-session-id")
        if session_id is None and request.method == "POST":
            return await self.initialize(server, parse(await self._bodies.read(request)))
        session = await found(server.sessions, session_id)
        if request.method == "GET":
            return await listen(server, session, request.headers.get("last-event-id"))
        if request.method == "DELETE":
            await server.end(session)
            await work.end(session.id)
            return Response(status_code=204)
        message = parse(await self._bodies.read(request))
        if message.method is None or message.id is None:
            return Response(status_code=202)  # a response or a notification wants no answer
        answer = reply(message, message.id)
        if not isinstance(answer, Build):
            return json_response(answer)
        if not accepts(request, EventStream.media_type):
            raise Refusal(406, "The answer is a stream: send Accept: application/json, text/event-stream.")
        begin = partial(work.begin, session.id, message.id, answer)
        if not server.resumes:
            return await answer_live(server, session, stream_of(session.id, message.id), begin)
        return await answer_from(server, session, await begin())

    async def initialize(self, server: "MCPServer", message: Message) -> Response:
        if message.method != "initialize" or message.id is None:
            raise Refusal(
                400, "Begin with an initialize request, or send the Mcp-Session-Id it was answered with."
            )
        asked = message.params.get("protocolVersion")
        protocol = asked if isinstance(asked, str) and asked in PROTOCOLS else PROTOCOLS[-1]
        session = await server.sessions.open(protocol, self._max_sessions)
        if session is None:
            raise Refusal(429, f"There are {self._max_sessions} sessions: try later.")
        log.info("%s opened (%s)", session, protocol)
        return json_response(initialized(protocol, message), headers={"mcp-session-id": session.id})


async def found(sessions: SessionStore, session_id: str | None) -> Session:
    if not session_id:
        raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
    if session := await sessions.use(session_id):
        return session
    gone = "This session is unknown or has ended: initialize a new one."
    raise Refusal(404, gone, SESSION_NOT_FOUND)
