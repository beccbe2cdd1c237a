"""A client on the bare wire: it reads as many bytes as a test wants, and cuts where a test wants."""

import http.client
import json
import re
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

EVENT = re.compile(rb"id: ([^\n]*)\ndata: ?([^\n]*)\n\n")
PATIENCE = 20.0  # seconds; long, since only what has hung uses it up
ENOUGH = 2.0  # where a broken server is to be seen hanging
BOTH = {"accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Event:
    id: str
    data: str

    @property
    def number(self) -> int:
        """Which message of a burst it is."""
        return json.loads(self.data)["params"]["data"]["number"]


class Exchange:
    """A request and its response, which is read when the test reads it."""

    def __init__(self, port: int, method: str, headers: Mapping[str, str], body: bytes | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connection.connect()
        self._socket: socket.socket = self._connection.sock
        self._connection.request(method, "/mcp", body, dict(headers))
        self.response = self._connection.getresponse()
        self.status = self.response.status
        self.body = bytearray()
        self.events: list[Event] = []  # the whole ones; what a cut has left of one does not count
        self.ended = False
        self._parsed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()

    def read(self, most: int = 65536) -> None:
        """Wait for bytes of the body, and take up to so many."""
        try:
            some = self.response.read1(most)
        except TimeoutError:
            raise AssertionError(
                f"hung: nothing came for {PATIENCE:g} s, and the stream did not end"
            ) from None
        except http.client.IncompleteRead:
            some = b""  # the server has cut the connection
        self.ended = not some
        self.body += some
        for match in EVENT.finditer(self.body, self._parsed):
            self._parsed = match.end()
            self.events.append(Event(match[1].decode(), match[2].decode()))

    def read_all(self) -> bytearray:
        while not self.ended:
            self.read()
        return self.body

    def json(self) -> Any:
        return json.loads(self.read_all())

    @property
    def messages(self) -> list[Event]:
        """All but the priming event, which has no data."""
        return self.events if self.events and self.events[0].data else self.events[1:]

    def read_messages(self, count: int) -> list[Event]:
        """Read until there are so many, or the stream ends."""
        while len(self.messages) < count and not self.ended:
            self.read()
        return self.messages

    def cut(self, *, reset: bool = True) -> None:
        """End the connection without a word: by RST, or by FIN."""
        if reset and self._socket.fileno() >= 0:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.response.close()
        self._connection.close()
        self._socket.close()


class Session:
    """A session, opened on the wire."""

    def __init__(self, port: int, protocol: str = "2025-11-25") -> None:
        self.port = port
        self.headers: dict[str, str] = {}
        params = {
            "protocolVersion": protocol,
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        }
        with self.post("initialize", params) as opened:
            assert opened.status == 200, opened.read_all()
            self.protocol = opened.json()["result"]["protocolVersion"]
            session_id = opened.response.headers["mcp-session-id"]
        self.headers = {"mcp-session-id": session_id, "mcp-protocol-version": self.protocol}

    def post(self, method: str, params: object, **headers: str) -> Exchange:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        own = BOTH | {"content-type": "application/json"} | self.headers | headers
        return Exchange(self.port, "POST", own, json.dumps(message).encode())

    def call(self, count: int, interval: float) -> dict[str, Any]:
        """Begin a burst."""
        arguments = {"count": count, "interval": interval}
        with self.post("tools/call", {"name": "send_burst", "arguments": arguments}) as called:
            assert called.status == 200, called.read_all()
            return called.json()["result"]

    def listen(self, last_event_id: str | None = None) -> Exchange:
        resuming = {} if last_event_id is None else {"last-event-id": last_event_id}
        return Exchange(self.port, "GET", {"accept": "text/event-stream"} | self.headers | resuming)

    def delete(self) -> int:
        with Exchange(self.port, "DELETE", self.headers) as deleted:
            return deleted.status
