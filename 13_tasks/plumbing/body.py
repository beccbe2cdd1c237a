"""The body of a request: read within its limits, and turned into a message (laws 8 and 9)."""

import asyncio

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from plumbing.door import Front, Refusal
from plumbing.jsonrpc import PARSE_ERROR, Message


class Bodies:
    """All bodies that are not whole yet. One too many, and the oldest of them is refused."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._unfinished: dict[asyncio.Timeout, None] = {}  # in the order in which they began

    async def read(self, request: Request) -> bytes:
        if len(self._unfinished) >= self._front.max_bodies:
            oldest = next(iter(self._unfinished))
            del self._unfinished[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(self._front.max_body_time) as limit:
                self._unfinished[limit] = None
                try:
                    return await read(request, self._front.max_body)
                finally:
                    self._unfinished.pop(limit, None)
        except TimeoutError:
            raise Refusal(408, "The body took too long to come: send it in one piece.") from None


async def read(request: Request, max_body: int) -> bytes:
    """Count the bytes as they come: Content-Length may be absent or a lie."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_body:
                raise Refusal(413, f"The body is larger than {max_body} bytes.")
    except ClientDisconnect:
        raise Refusal(400, "The connection was lost before the body was whole.", PARSE_ERROR) from None
    return bytes(body)


def parse(body: bytes) -> Message:
    try:
        return Message.model_validate_json(body)
    except ValidationError as mistake:
        first = mistake.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise Refusal(400, f"The body is not JSON: {first['msg']}", PARSE_ERROR) from None
        if isinstance(first["input"], list) and not first["loc"]:
            raise Refusal(400, "Batches left the protocol in 2025-06-18: send one message a POST.") from None
        where = ".".join(str(part)[:40] for part in first["loc"][:3]) or "message"
        raise Refusal(400, f"Not a JSON-RPC message: {where}: {first['msg']}") from None
