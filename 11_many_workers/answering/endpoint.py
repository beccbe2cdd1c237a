"""`/mcp`: GET to listen, POST to send, DELETE to end. The same in every worker, which says who it is."""

import logging
import os
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message as AsgiMessage
from starlette.types import Receive, Scope, Send

from answering.methods import initialized, reply
from jobs.build import Build
from plumbing.body import Bodies, parse
from plumbing.door import PROTOCOLS, Front, Refusal, accepts, json_response
from plumbing.event_stream import EventStream
from plumbing.jsonrpc import Message
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
    def __init__(self, front: Front) -> None:
        self._bodies = Bodies(front)

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
        session = await server.find(session_id)
        if request.method == "GET":
            return await server.listen(session, request.headers.get("last-event-id"))
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
        return await server.answer(session, await work.begin(session.id, message.id, answer))

    async def initialize(self, server: "MCPServer", message: Message) -> Response:
        if message.method != "initialize" or message.id is None:
            raise Refusal(
                400, "Begin with an initialize request, or send the Mcp-Session-Id it was answered with."
            )
        asked = message.params.get("protocolVersion")
        protocol = asked if isinstance(asked, str) and asked in PROTOCOLS else PROTOCOLS[-1]
        session = await server.open(protocol)
        return json_response(initialized(protocol, message), headers={"mcp-session-id": session.id})
