"""What the liar refuses before it looks into it: foreign names, wrong methods and headers, large bodies."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from liar.messages import Message, Refusal, parse

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_BODY = 1_000_000


def check(request: Request, protocols: Sequence[str], *, any_origin: bool) -> None:
    headers = request.headers
    if urlsplit(f"//{headers.get('host', '')}").hostname not in LOOPBACK:
        raise Refusal(421, "This server answers to its own name only: address it as localhost.")
    origin = headers.get("origin")
    if origin and urlsplit(origin).hostname not in LOOPBACK and not any_origin:
        raise Refusal(403, "Pages of this Origin may not talk to this server.")
    if request.method not in ("GET", "POST", "DELETE"):
        raise Refusal(405, "Use POST to send, GET to listen, DELETE to end the session.")
    accepts = ", ".join(headers.getlist("accept")).lower()  # two lines of one name are one
    if request.method == "GET" and "text/event-stream" not in accepts:
        raise Refusal(406, "GET opens an event stream: send Accept: text/event-stream.")
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and media_type != "application/json":
        raise Refusal(415, "Send Content-Type: application/json.")
    if headers.get("mcp-protocol-version", protocols[0]) not in protocols:
        raise Refusal(400, f"This server speaks MCP {', '.join(protocols)}.")


async def read(request: Request, *, any_size: bool) -> Message:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY and not any_size:
            raise Refusal(413, f"The body is larger than {MAX_BODY} bytes.")
    return parse(Message, bytes(body))
