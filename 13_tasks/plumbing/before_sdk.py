"""What the SDK gets of a request: headers as it writes them, a whole body, a revision that we speak."""

import json

from starlette.types import Message, Receive, Scope

from plumbing.body import parse
from plumbing.door import PROTOCOLS

CHECKED = {b"accept": b"application/json, text/event-stream", b"content-type": b"application/json"}


def with_plain_headers(scope: Scope) -> Scope:
    """The door has checked what these say; the SDK knows one way only to write them."""
    others = [(name, value) for name, value in scope["headers"] if name not in CHECKED]
    return {**scope, "headers": others + list(CHECKED.items())}


def in_our_revision(body: bytes) -> bytes:
    """The SDK agrees to revisions that the door refuses in the next request: ask for the newest one."""
    message = parse(body)
    asked = message.params.get("protocolVersion")
    if message.method != "initialize" or not isinstance(asked, str) or asked in PROTOCOLS:
        return body
    params = message.params | {"protocolVersion": PROTOCOLS[-1]}
    return json.dumps({"jsonrpc": "2.0", "id": message.id, "method": "initialize", "params": params}).encode()


def with_body(body: bytes, receive: Receive) -> Receive:
    """The body at once, and then whatever else comes: the end of the connection."""
    given = False

    async def body_first() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body_first
