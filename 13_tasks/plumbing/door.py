"""The door: who may come in, with what, and how a request is refused (laws 7 and 9)."""

import json
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import JsonValue
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plumbing.jsonrpc import INVALID_REQUEST, UNSUPPORTED_PROTOCOL, error

PROTOCOLS = ("2025-03-26", "2025-06-18", "2025-11-25")
METHODS = "GET, POST, DELETE"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Front:
    """What you can set at each server; a lesson adds its own. Each is a flag of `server.py`."""

    host: Annotated[str, "where to listen"] = "127.0.0.1"
    allow_host: Annotated[tuple[str, ...], "another Host to answer to; may be repeated"] = ()
    allow_origin: Annotated[tuple[str, ...], "another Origin whose pages may come; may be repeated"] = ()
    max_body: Annotated[int, "bytes in the body of a request"] = 100_000
    max_bodies: Annotated[int, "bodies that are read at the same time"] = 100
    max_body_time: Annotated[float, "seconds that a body may take to come"] = 10.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 30.0


class Refusal(Exception):  # noqa: N818 (an answer, not a mishap)
    """An HTTP status and a JSON-RPC error that says what to do."""

    def __init__(self, status: int, say: str, code: int = INVALID_REQUEST, data: JsonValue = None) -> None:
        super().__init__(say)
        self.status, self.say, self.code, self.data = status, say, code, data

    def response(self) -> Response:
        headers: dict[str, str] = {}
        if self.status == 405:
            headers["allow"] = METHODS
        if self.status == 408:
            headers["connection"] = "close"  # the rest of the body is not waited for
        return json_response(error(None, self.code, self.say, self.data), self.status, headers)


class Guard:
    """Stands before a lesson's app, and answers what the app refuses."""

    def __init__(self, app: ASGIApp, front: Front, protocols: tuple[str, ...] = PROTOCOLS) -> None:
        self._app, self._protocols = app, protocols
        self._hosts = LOOPBACK | {front.host} | {host_of(f"//{name}") for name in front.allow_host}
        self._origins = frozenset(front.allow_origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._check_names(request)
            send = shared_with(request, send)
            if is_preflight(request):
                await preflight(request)(scope, receive, send)
                return
            check(request, self._protocols)
            await self._app(scope, receive, send)
        except Refusal as refusal:
            await refusal.response()(scope, receive, send)

    def _check_names(self, request: Request) -> None:
        """Host and Origin guard against DNS rebinding, and against pages of other sites."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if host_of(f"//{host}") not in self._hosts:
            raise Refusal(421, "This server answers to its own name only: address it as localhost.")
        if origin is not None and origin not in self._origins and host_of(origin) not in self._hosts:
            raise Refusal(403, "Pages of this Origin may not talk to this server.")


def check(request: Request, protocols: tuple[str, ...]) -> None:
    """What the protocol asks of each method."""
    headers = request.headers
    if request.method not in METHODS.split(", "):
        raise Refusal(405, "Use POST to send, GET to listen, DELETE to end the session.")
    if request.method == "GET" and not accepts(request, "text/event-stream"):
        raise Refusal(406, "GET opens an event stream: send Accept: text/event-stream.")
    both = accepts(request, "application/json") and accepts(request, "text/event-stream")
    if request.method == "POST" and not both:
        raise Refusal(406, "Send Accept: application/json, text/event-stream.")
    if request.method == "POST" and media_type(headers.get("content-type", "")) != "application/json":
        raise Refusal(415, "Send Content-Type: application/json.")
    if (version := headers.get("mcp-protocol-version", protocols[0])) not in protocols:
        told: JsonValue = {"supported": list(protocols), "requested": version[:60]}
        raise Refusal(400, f"This server speaks MCP {', '.join(protocols)}.", UNSUPPORTED_PROTOCOL, told)


def is_preflight(request: Request) -> bool:
    """A browser asks first whether a page may send what it wants to send."""
    asks = "access-control-request-method" in request.headers
    return request.method == "OPTIONS" and "origin" in request.headers and asks


def preflight(request: Request) -> Response:
    allowed = {"access-control-allow-methods": METHODS, "access-control-max-age": "600"}
    if wanted := request.headers.get("access-control-request-headers"):
        allowed["access-control-allow-headers"] = wanted
    return Response(status_code=204, headers=allowed)


def shared_with(request: Request, send: Send) -> Send:
    """Let a page read the answer, and in it which session it has opened."""
    origin = request.headers.get("origin")
    if origin is None:
        return send

    async def send_to_page(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = "mcp-session-id"
            headers.add_vary_header("origin")
        await send(message)

    return send_to_page


def host_of(url: str) -> str | None:
    """The name in lower case, without the port."""
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def accepts(request: Request, wanted: str) -> bool:
    lines = request.headers.getlist("accept")  # a header may come in several lines
    listed = {media_type(part) for line in lines for part in line.split(",")}
    return bool(listed & {wanted, wanted.partition("/")[0] + "/*", "*/*"})


def json_response(message: JsonValue, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(message), status, headers, media_type="application/json")
