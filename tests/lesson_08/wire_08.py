"""Lesson 08 on the bare wire: the answer to a call is a stream here, and the SDK words its events."""

import json
import re
from dataclasses import dataclass
from typing import Any

from wire import BOTH, Exchange

TOOL = "start-notification-stream"
EVENT = re.compile(rb"id: ([^\r\n]+)\r\n(?:event: message\r\n)?data: ?([^\r\n]*)\r\n(?:retry: \d+\r\n)?\r\n")


@dataclass(frozen=True)
class Event:
    id: str
    data: str

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.data)

    @property
    def said(self) -> dict[str, Any]:
        """What a notification says."""
        return self.message["params"]["data"]


def events(exchange: Exchange) -> list[Event]:
    """The whole ones that have come; what a cut has left of one does not count."""
    return [Event(found[1].decode(), found[2].decode()) for found in EVENT.finditer(exchange.body)]


def read_events(exchange: Exchange, count: int, most: int = 65536) -> list[Event]:
    """Read until there are so many, or the stream ends."""
    while len(found := events(exchange)) < count and not exchange.ended:
        exchange.read(most)
    return found


def read_to_the_end(exchange: Exchange) -> list[Event]:
    exchange.read_all()
    return events(exchange)


def numbers(found: list[Event]) -> list[int]:
    """The numbers of the notifications among them."""
    return [event.said["number"] for event in found if '"method"' in event.data]


def answer(found: list[Event]) -> dict[str, Any]:
    """The result of the call, which comes last, and once."""
    answers = [event.message["result"] for event in found if '"result"' in event.data]
    assert answers, "lost: the answer"
    assert len(answers) == 1, "doubled: the answer"
    assert found[-1].message["result"] == answers[0], "moved: the answer is not the last"
    return answers[0]


class Session:
    def __init__(self, port: int, protocol: str = "2025-11-25") -> None:
        self.port = port
        self.headers: dict[str, str] = {}
        client = {"name": "t", "version": "1"}
        params = {"protocolVersion": protocol, "capabilities": {}, "clientInfo": client}
        with self.request("initialize", params, 1) as opened:
            assert opened.status == 200, opened.read_all()
            self.opening = read_to_the_end(opened)
            self.id = opened.response.headers["mcp-session-id"]
        self.headers = {"mcp-session-id": self.id, "mcp-protocol-version": protocol}
        with self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}) as told:
            assert told.status == 202, told.read_all()

    def post(self, message: object, **headers: str) -> Exchange:
        own = BOTH | {"content-type": "application/json"} | self.headers | headers
        return Exchange(self.port, "POST", own, json.dumps(message).encode())

    def request(self, method: str, params: object, request_id: int = 2) -> Exchange:
        return self.post({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    def call(self, count: int, interval: float, caller: str = "ada", request_id: int = 2) -> Exchange:
        arguments = {"count": count, "interval": interval, "caller": caller}
        return self.request("tools/call", {"name": TOOL, "arguments": arguments}, request_id)

    def listen(self, last_event_id: str | None = None) -> Exchange:
        resuming = {} if last_event_id is None else {"last-event-id": last_event_id}
        return Exchange(self.port, "GET", {"accept": "text/event-stream"} | self.headers | resuming)

    def delete(self) -> int:
        with Exchange(self.port, "DELETE", self.headers) as deleted:
            return deleted.status


def resumed(session: Session, last_event_id: str) -> Exchange:
    stream = session.listen(last_event_id)
    if stream.status != 200:
        with stream:
            raise AssertionError(f"lost: what follows {last_event_id} is refused: {stream.read_all()!r}")
    return stream
