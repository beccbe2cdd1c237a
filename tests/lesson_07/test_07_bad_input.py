"""Law 9: bad input gets a clear 4xx, and never a traceback (`serving` looks for one)."""

import http.client
import json
import random
from collections.abc import Generator

import pytest
from broken_07 import LESSON

from processes import Server, serving
from wire import BOTH, Exchange, Session

JSON = BOTH | {"content-type": "application/json"}
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--max-sessions", "20", "--max-body", "20000") as server:
        yield server


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", JSON | {"host": "evil.example"}, 421),
        ("POST", JSON | {"host": "127.0.0.1.evil.example"}, 421),
        ("POST", JSON | {"host": "[::1"}, 421),
        ("POST", JSON | {"origin": "http://evil.example"}, 403),
        ("POST", JSON | {"origin": "http://localhost.evil.example"}, 403),
        ("POST", JSON | {"origin": "null"}, 403),
        ("PUT", JSON, 405),
        ("HEAD", JSON, 405),
        ("GET", {"accept": "application/json"}, 406),
        ("POST", {"accept": "text/html", "content-type": "application/json"}, 406),
        ("POST", BOTH | {"content-type": "text/plain"}, 415),
        ("POST", JSON | {"mcp-protocol-version": "2026-07-28"}, 400),
        ("POST", JSON, 400),
        ("GET", {"accept": "text/event-stream"}, 400),
        ("DELETE", {}, 400),
        ("POST", JSON | {"mcp-session-id": "0" * 32}, 404),
    ],
)
def test_a_wrong_request_is_refused(
    server: Server, method: str, headers: dict[str, str], status: int
) -> None:
    with Exchange(server.port, method, headers, PING if method == "POST" else None) as refused:
        assert refused.status == status
        if method != "HEAD":
            assert refused.json()["error"]["message"].endswith((".", "stream", "json"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b"[" + PING + b"]",
        b"{}",
        b'{"jsonrpc":"1.0","id":1,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":true,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":1,"method":7}',
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}',
        b'{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}',
        b'{"jsonrpc":"2.0","method":"initialize"}',
        b"[" * 10_000,
        b'{"a":' * 3000,
        b"1" * 10_000,
    ],
)
def test_a_wrong_body_is_refused(server: Server, body: bytes) -> None:
    with Exchange(server.port, "POST", JSON, body) as refused:
        assert refused.status == 400
        assert refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 0},
        {"count": "3"},
        {"count": 10**9},
        {"interval": -1},
        {"interval": 1e999},
        {"other": 1},
        [],
        None,
        3,
    ],
)
def test_wrong_arguments_are_a_tool_error(server: Server, arguments: object) -> None:
    session = Session(server.port)
    with session.post("tools/call", {"name": "send_burst", "arguments": arguments}) as answered:
        assert answered.status == 200
        assert answered.json()["result"]["isError"]
    session.delete()


def test_unknown_methods_and_tools_are_errors_of_the_call(server: Server) -> None:
    session = Session(server.port)
    for method, params, code in (("x" * 500, {}, -32601), ("tools/call", {"name": "x"}, -32602)):
        with session.post(method, params) as answered:
            assert answered.json()["error"]["code"] == code
    session.delete()


def test_all_eight_levels_are_taken_and_no_others(server: Server) -> None:
    session = Session(server.port)
    for level in ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"):
        with session.post("logging/setLevel", {"level": level}) as answered:
            assert answered.json()["result"] == {}
    for level in ("loud", "INFO", None, 3):
        with session.post("logging/setLevel", {"level": level}) as answered:
            assert answered.json()["error"]["code"] == -32602
    session.delete()


def test_both_paths_answer_without_a_redirect(server: Server) -> None:
    for path in ("/mcp", "/mcp/"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("POST", path, PING, JSON)
        assert connection.getresponse().status == 400
        connection.close()


def test_thousands_of_hostile_requests(server: Server) -> None:
    """Sound requests with random damage: each is answered, none with a 5xx, and the server is well after."""
    dice = random.Random(9)  # noqa: S311 (the same requests each time)
    session = Session(server.port)
    call = {"name": "send_burst", "arguments": {"count": 3, "interval": 0}}
    bodies = [
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        for method, params in (
            ("ping", {}),
            ("tools/call", call),
            ("tools/list", {}),
            ("initialize", {"protocolVersion": 1}),
        )
    ]
    noise = [
        "",
        "0",
        "-1",
        "!",
        "\xff",
        "x" * 3000,
        "text/event-stream",
        "a\tb",
        "%00",
        "2025-11-25",
        "${jndi}",
        "\u00b2",
    ]
    names = [
        "accept",
        "content-type",
        "last-event-id",
        "mcp-session-id",
        "mcp-protocol-version",
        "origin",
        "x",
    ]
    statuses: dict[int, int] = {}
    for _ in range(3000):
        headers = JSON | session.headers
        for name in dice.sample(names, dice.randrange(3)):
            headers[name] = dice.choice(noise)
        body = bytearray(dice.choice(bodies))
        for _ in range(dice.randrange(4)):
            body[dice.randrange(len(body))] = dice.randrange(256)
        method = dice.choice(["POST", "POST", "POST", "GET", "DELETE", "PATCH", "OPTIONS"])
        if method == "DELETE" and headers["mcp-session-id"] == session.headers["mcp-session-id"]:
            continue
        with Exchange(server.port, method, headers, bytes(body) if method == "POST" else None) as answered:
            statuses[answered.status] = statuses.get(answered.status, 0) + 1
            assert answered.status < 500, (method, headers, body)
    assert {200, 202, 400, 403, 404, 405, 406, 415} <= statuses.keys(), statuses
    with session.post("ping", {}) as answered:
        assert answered.json()["result"] == {}
