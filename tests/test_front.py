"""What stands before every lesson's server: its door, the limits of bodies, and readers that never read."""

import http.client
import json
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from processes import PATIENCE, ROOT, Server, serving
from wire import BOTH, Exchange

LESSONS = [path.parent.parent for path in sorted(ROOT.glob("[0-9][0-9]_*/plumbing/door.py"))]
JSON = BOTH | {"content-type": "application/json"}
SMALL = ("--max-body-time", "1", "--max-bodies", "2", "--max-stall", "0.5", "--allow-host", "mcp.example")
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")


def flags_of(lesson: Path) -> tuple[str, ...]:
    return ("--storage", "memory") if lesson.name.startswith("11") else ()


@pytest.fixture(scope="module", params=LESSONS, ids=lambda lesson: lesson.name)
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    with serving(request.param, *SMALL, *flags_of(request.param)) as server:
        yield server
    assert "ASGI" not in server.output, server.output


def initialize(protocol: str = "2025-11-25") -> bytes:
    client = {"name": "t", "version": "1"}
    params = {"protocolVersion": protocol, "capabilities": {}, "clientInfo": client}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()


def raw(server: Server, request: bytes) -> socket.socket:
    """A connection on which these bytes, and no others, were sent."""
    sent = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    sent.sendall(request)
    return sent


def status(answered: socket.socket) -> int:
    return int(answered.recv(100).split()[1])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "Application/JSON; charset=utf-8"},
        {"host": "LOCALHOST"},
        {"host": "127.0.0.1"},
        {"host": "mcp.example"},
        {"host": "mcp.example:443"},
        {"host": "[::1]:80"},
        {"accept": "*/*"},
        {"accept": "Text/Event-Stream, APPLICATION/json;q=0.5"},
    ],
)
def test_legal_headers_are_let_in(server: Server, headers: dict[str, str]) -> None:
    with Exchange(server.port, "POST", JSON | headers, initialize()) as opened:
        assert opened.status == 200, opened.read_all()


def test_a_header_may_come_in_two_lines(server: Server) -> None:
    body = initialize()
    lines = ["POST /mcp HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += ["Accept: text/event-stream", "Accept: application/json", f"Content-Length: {len(body)}", "", ""]
    with raw(server, "\r\n".join(lines).encode() + body) as answered:
        assert status(answered) == 200


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/", {"accept": "text/event-stream"}, 404),
        ("POST", "/other", JSON, 404),
        ("HEAD", "/mcp", {}, 405),
        ("PUT", "/mcp", {}, 405),
        ("OPTIONS", "/mcp", {}, 405),
        ("OPTIONS", "/mcp", {"origin": "http://evil.example"}, 403),
        ("POST", "/mcp", JSON | {"origin": "http://localhost.evil.example"}, 403),
        ("POST", "/mcp", JSON | {"origin": "null"}, 403),
        ("POST", "/mcp", JSON | {"host": "mcp.example.evil.example"}, 421),
        ("POST", "/mcp", JSON | {"content-type": "text/plain"}, 415),
        ("POST", "/mcp", {"content-type": "application/json", "accept": "application/json"}, 406),
        ("POST", "/mcp", JSON | {"mcp-protocol-version": "2026-07-28"}, 400),
    ],
)
def test_a_wrong_request_is_refused(
    server: Server, method: str, path: str, headers: dict[str, str], expected: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request(method, path, headers=headers)
    answered = connection.getresponse()
    assert answered.status == expected
    assert "access-control-allow-origin" not in answered.headers
    if expected == 405:
        assert answered.headers["allow"] == "GET, POST, DELETE"
    connection.close()


@pytest.mark.parametrize("origin", ["http://localhost:6274", "http://127.0.0.1", "http://[::1]:5173"])
def test_a_page_of_this_machine_may_come(server: Server, origin: str) -> None:
    """What a browser sends before and with the requests of the MCP Inspector."""
    wanted = "authorization,content-type,last-event-id,mcp-protocol-version,mcp-session-id,x-custom"
    asking = {"access-control-request-method": "POST", "access-control-request-headers": wanted}
    with Exchange(server.port, "OPTIONS", {"origin": origin} | asking) as asked:
        assert asked.status == 204
        assert asked.response.headers["access-control-allow-origin"] == origin
        assert asked.response.headers["access-control-allow-headers"] == wanted
        assert "DELETE" in asked.response.headers["access-control-allow-methods"]
    with Exchange(server.port, "POST", JSON | {"origin": origin}, initialize()) as opened:
        assert opened.status == 200
        assert opened.response.headers["access-control-allow-origin"] == origin
        assert opened.response.headers["access-control-expose-headers"] == "mcp-session-id"
    with Exchange(
        server.port, "POST", JSON | {"origin": origin, "mcp-session-id": "none"}, initialize()
    ) as told:
        assert told.status == 404  # and the page may read why
        assert told.response.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("asked", ["2024-11-05", "2026-07-28", "1.0"])
def test_another_revision_is_answered_by_the_newest(server: Server, asked: str) -> None:
    with Exchange(server.port, "POST", JSON, initialize(asked)) as opened:
        assert b'"protocolVersion":"2025-11-25"' in opened.read_all().replace(b": ", b":")
        named = {"mcp-session-id": opened.response.headers["mcp-session-id"]}
    ping = b'{"jsonrpc":"2.0","id":2,"method":"ping"}'
    with Exchange(server.port, "POST", JSON | named | {"mcp-protocol-version": "2025-11-25"}, ping) as ponged:
        assert ponged.status == 200


def unfinished(more: str = "") -> bytes:
    """A request that promises a body and sends its first byte."""
    lines = ["POST /mcp HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    lines += ["Accept: application/json, text/event-stream", "Content-Length: 1000"]
    return ("\r\n".join(lines) + f"\r\n{more}\r\n{{").encode()


def test_a_body_that_does_not_come_is_not_waited_for(server: Server) -> None:
    with raw(server, unfinished()) as slow:
        assert status(slow) == 408


def test_no_body_is_read_for_a_session_that_is_not_there(server: Server) -> None:
    with raw(server, unfinished("Mcp-Session-Id: none\r\n")) as refused:
        assert status(refused) == 404


def test_a_json_bomb_is_refused_before_all_of_it_has_come(server: Server) -> None:
    """A megabyte of brackets, without a session: what is over the limit is never parsed, nor waited for."""
    sent = unfinished().replace(b"Content-Length: 1000", b"Content-Length: 1000000")
    with raw(server, sent + b"[" * 100_000) as refused:
        assert status(refused) == 413


def test_too_many_unfinished_bodies_stop_nobody_else(server: Server) -> None:
    """The oldest is refused, and a newcomer is served."""
    held = [raw(server, unfinished()) for _ in range(6)]
    with Exchange(server.port, "POST", JSON, initialize()) as opened:
        assert opened.status == 200
    for one in held:
        with one:
            assert status(one) == 408


def test_half_a_body_is_no_mishap(server: Server) -> None:
    for _ in range(10):
        raw(server, unfinished()).close()  # `serving` sees that there was no traceback
    with Exchange(server.port, "POST", JSON, initialize()) as opened:
        assert opened.status == 200


def deaf(server: Server) -> socket.socket:
    """A connection that asks and asks, and never reads."""
    asking = socket.socket()
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    asking.settimeout(PATIENCE)
    asking.connect(("127.0.0.1", server.port))
    return asking


def test_a_reader_that_never_reads_loses_its_socket(server: Server, request: pytest.FixtureRequest) -> None:
    """In lesson 11 the kernel may come first, and says nothing."""
    with deaf(server) as asking, pytest.raises(ConnectionError):
        while True:
            asking.sendall(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    if "11_many_workers" not in request.node.name:
        server.wait_for("a reader has not read for 0.5 s: let go")


@POSIX
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_server_ends_while_a_reader_never_reads(lesson: Path) -> None:
    with serving(lesson, *flags_of(lesson)) as server, deaf(server) as asking:
        asking.settimeout(1)
        with pytest.raises(TimeoutError):
            while True:
                asking.sendall(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        server.popen.terminate()
        server.finish()
    assert "ASGI" not in server.output, server.output
