"""What uvicorn costs at the least: events that are ready, sent one by one, or in one write.

Run by `uvicorn bare_server:app`; `GET /each?count=1000` or `GET /joined?count=1000`.
"""

import json
from functools import cache

from starlette.types import Receive, Scope, Send


@cache
def events(count: int) -> list[bytes]:
    """Lesson 07's events."""
    return [event(number, count).encode() for number in range(1, count + 1)]


def event(number: int, count: int) -> str:
    data = {"number": number, "of": count, "elapsed": 0.123}
    params = {"level": "info", "logger": "send_burst", "data": data}
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    return f"id: 5be1f3a0-{number}\ndata: {json.dumps(message, separators=(',', ':'))}\n\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    ready = events(int(scope["query_string"].partition(b"=")[2]))
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for body in [b"".join(ready)] if scope["path"] == "/joined" else ready:
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
