"""Lesson 10 on the bare wire: responses to requests are streams here, and the SDK words its events."""

import json
import re
from dataclasses import dataclass
from typing import Any

from wire import BOTH, Exchange

EVENT = re.compile(rb"id: ([^\r\n]+)\r\n(?:event: message\r\n)?data: ?([^\r\n]*)\r\n(?:retry: \d+\r\n)?\r\n")


@dataclass(frozen=True)
class Event:
    id: str
    data: str

    @property
    def message(self) -> dict[str, Any]:
        return json.loads(self.data)

    @property
    def place(self) -> int:
        return int(self.id.rpartition("-")[2])


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


def messages(found: list[Event]) -> list[dict[str, Any]]:
    """What was said in them; a priming event says nothing."""
    return [event.message for event in found if event.data]


def cities(found: list[Event]) -> list[str]:
    """The cities that the answers among them are about."""
    return [
        said["result"]["structuredContent"]["city"]
        for said in messages(found)
        if "structuredContent" in said.get("result", {})
    ]


class Session:
    def __init__(self, port: int, protocol: str = "2025-11-25") -> None:
        self.port = port
        self.headers: dict[str, str] = {}
        params = {
            "protocolVersion": protocol,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        with self.post("initialize", params, 1) as opened:
            assert opened.status == 200, opened.read_all()
            self.opening = read_to_the_end(opened)
            session_id = opened.response.headers["mcp-session-id"]
        self.headers = {"mcp-session-id": session_id, "mcp-protocol-version": protocol}
        notification = json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode()
        with self._post(notification, {}) as told:
            assert told.status == 202

    def post(self, method: str, params: object, request_id: int, **headers: str) -> Exchange:
        message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        return self._post(json.dumps(message).encode(), headers)

    def _post(self, body: bytes, headers: dict[str, str]) -> Exchange:
        own = BOTH | {"content-type": "application/json"} | self.headers | headers
        return Exchange(self.port, "POST", own, body)

    def call(self, city: str, request_id: int = 2, *, drop: bool = False) -> Exchange:
        params = {
            "name": "get_forecast",
            "arguments": {"city": city},
            "_meta": {"progressToken": request_id},
        }
        headers = {"x-simulate-drop": "after-priming"} if drop else {}
        return self.post("tools/call", params, request_id, **headers)

    def resume(self, last_event_id: str) -> Exchange:
        own = {"accept": "text/event-stream"} | self.headers
        return Exchange(self.port, "GET", own | {"last-event-id": last_event_id})

    def delete(self) -> int:
        with Exchange(self.port, "DELETE", self.headers) as deleted:
            return deleted.status
