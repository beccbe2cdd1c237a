"""The measuring client: raw sockets, so that it is never what one waits for.

marker    what the last message of a burst contains, and no other
Listener  a GET whose answer is gathered as it comes, and looked at afterwards
"""

import http.client
import json
import re
import selectors
import socket
import time
from dataclasses import dataclass, field

from pydantic import JsonValue

PATIENCE = 60.0  # seconds of silence; only a failure uses them up
FIRST = b'"number":'
EVENT_ID = re.compile(rb"id: ?(\S+)\r?\n")


def marker(count: int) -> bytes:
    return b'"number":%d,' % count


@dataclass
class Listener:
    sock: socket.socket
    chunks: list[bytes] = field(default_factory=list[bytes])
    tail: bytes = b""
    first: float | None = None

    def read(self) -> bytes:
        chunk = self.sock.recv(1 << 18)
        if not chunk:
            raise ConnectionError(f"the stream ended: {self.body()[-500:]!r}")
        return chunk

    def got(self, chunk: bytes, last_marker: bytes) -> bool:
        """Whether the last message has come."""
        seen = self.tail + chunk
        if self.first is None and FIRST in seen:
            self.first = time.perf_counter()
        self.chunks.append(chunk)
        self.tail = chunk[-64:]
        return last_marker in seen

    def body(self) -> bytes:
        return b"".join(self.chunks)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def ask(sock: socket.socket, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
    """Send a request; the answer is read elsewhere, or not at all."""
    host, port = sock.getpeername()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


def receive(listeners: list[Listener], count: int) -> float:
    """Read until each has the last of `count` messages, and give the time of that; none may be lost."""
    last_marker = marker(count)
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            selector.register(listener.sock, selectors.EVENT_READ, listener)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"nothing has come for {PATIENCE:g} s")
            for key, _ in ready:
                listener: Listener = key.data
                if listener.got(listener.read(), last_marker):
                    selector.unregister(listener.sock)
    end = time.perf_counter()
    for listener in listeners:
        if (came := listener.body().count(FIRST)) != count:
            raise RuntimeError(f"{came} messages came instead of {count}")
    return end


class Session:
    """An MCP session of the handshake era."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        client: JsonValue = {"name": "benchmarks", "version": "1.0.0"}
        params: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        answer = self.whole("POST", request("initialize", params))
        self.headers |= {"MCP-Protocol-Version": "2025-11-25"}
        self.headers |= {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
        self.whole("POST", {"jsonrpc": "2.0", "method": "notifications/initialized"})

    def whole(self, method: str, message: JsonValue = None) -> http.client.HTTPResponse:
        """A request with its answer, for what is not measured."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, "/mcp", json.dumps(message) if message else None, self.headers)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        if response.status >= 300:
            raise RuntimeError(f"{method}: {response.status}: {text!r}")
        return response

    def listen(self, sock: socket.socket, last_event_id: str | None = None) -> Listener:
        resume = {"Last-Event-ID": last_event_id} if last_event_id else {}
        ask(sock, "GET", "/mcp", self.headers | resume)
        return Listener(sock)

    def send_burst(self, sock: socket.socket, count: int) -> None:
        call: JsonValue = {"name": "send_burst", "arguments": {"count": count, "interval": 0}}
        ask(sock, "POST", "/mcp", self.headers, json.dumps(request("tools/call", call)).encode())

    def end(self) -> None:
        self.whole("DELETE")


def request(method: str, params: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
