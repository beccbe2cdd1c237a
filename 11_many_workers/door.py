"""The door: what is let in, how a message is read, and how a request is refused (laws 7 and 9)."""

import json
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

PROTOCOLS = ("2025-03-26", "2025-06-18", "2025-11-25")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
SESSION_NOT_FOUND, NOT_RESUMABLE, UNSUPPORTED_PROTOCOL = -32001, -32003, -32022


class Message(BaseModel):
    """A request (method and id), a notification (method) or a response (id), from the client."""

    model_config = ConfigDict(strict=True)

    jsonrpc: Literal["2.0"]
    id: int | str | None = None
    method: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])

    @model_validator(mode="after")
    def is_one_of_three(self) -> Self:
        if self.id is None and (self.method is None or "id" in self.model_fields_set):
            raise ValueError("a message has a method, an id that is not null, or both")
        return self


class Refusal(Exception):  # noqa: N818 (an answer, not a mishap)
    """An HTTP status and a JSON-RPC error that says what to do."""

    def __init__(self, status: int, say: str, code: int = INVALID_REQUEST, data: JsonValue = None) -> None:
        super().__init__(say)
        self.status, self.say, self.code, self.data = status, say, code, data

    def response(self) -> Response:
        headers = {"allow": "GET, POST, DELETE"} if self.status == 405 else None
        return json_response(error(None, self.code, self.say, self.data), self.status, headers)


def check(request: Request, own_names: frozenset[str]) -> None:
    """Host and Origin guard against DNS rebinding; the rest is what the protocol asks of each method."""
    headers = request.headers
    if host_name(f"//{headers.get('host', '')}") not in own_names:
        raise Refusal(421, "This server answers to its own name only: address it as localhost.")
    if "origin" in headers and host_name(headers["origin"]) not in own_names:
        raise Refusal(403, "Pages of this Origin may not talk to this server.")
    if request.method not in ("GET", "POST", "DELETE"):
        raise Refusal(405, "Use POST to send, GET to listen, DELETE to end the session.")
    if request.method == "GET" and not accepts(request, "text/event-stream"):
        raise Refusal(406, "GET opens an event stream: send Accept: text/event-stream.")
    if request.method == "POST" and not accepts(request, "application/json"):
        raise Refusal(406, "Send Accept: application/json, text/event-stream.")
    if request.method == "POST" and media_type(headers.get("content-type", "")) != "application/json":
        raise Refusal(415, "Send Content-Type: application/json.")
    if (version := headers.get("mcp-protocol-version", PROTOCOLS[0])) not in PROTOCOLS:
        told: JsonValue = {"supported": list(PROTOCOLS), "requested": version}
        raise Refusal(400, f"This server speaks MCP {', '.join(PROTOCOLS)}.", UNSUPPORTED_PROTOCOL, told)


async def read(request: Request, max_body: int) -> Message:
    """The body, counted while it comes, since Content-Length may be absent or a lie."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_body:
                raise Refusal(413, f"The body is larger than {max_body} bytes.")
    except ClientDisconnect:
        raise Refusal(400, "The connection was lost before the body was whole.", PARSE_ERROR) from None
    try:
        return Message.model_validate_json(bytes(body))
    except ValidationError as mistake:
        first = mistake.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Refusal(400, f"The body is not JSON: {first['msg']}", PARSE_ERROR) from None
        if isinstance(first["input"], list) and not first["loc"]:
            raise Refusal(400, "Batches left the protocol in 2025-06-18: send one message a POST.") from None
        where = ".".join(str(part)[:40] for part in first["loc"][:3]) or "message"
        raise Refusal(400, f"Not a JSON-RPC message: {where}: {first['msg']}") from None


def host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def accepts(request: Request, wanted: str) -> bool:
    listed = {media_type(part) for part in request.headers.get("accept", "").split(",")}
    return bool(listed & {wanted, wanted.partition("/")[0] + "/*", "*/*"})


def result(request_id: int | str | None, value: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def error(request_id: int | str | None, code: int, say: str, data: JsonValue = None) -> JsonValue:
    told: dict[str, JsonValue] = {"code": code, "message": say}
    if data is not None:
        told["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": told}


def json_response(message: JsonValue, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(message), status, headers, media_type="application/json")
