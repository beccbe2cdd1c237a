"""Lesson 08: what is refused, what is bounded, who may come, and how it stops."""

import json
import re
import socket
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from broken_08 import LESSON
from wire_08 import TOOL, Session, answer, numbers, read_events, read_to_the_end, resumed

from processes import ROOT, Server, run, serving, speaking, wait_until_open
from wire import BOTH, Exchange
from workshop.breaks import Edit, edited

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
JSON = BOTH | {"content-type": "application/json"}
PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(
        LESSON,
        *("--max-body", "20000", "--max-calls", "2", "--max-idle", "120"),
        *("--allow-origin", "https://app.example", "--allow-host", "mcp.example"),
    ) as server:
        yield server


def test_bad_input_gets_a_4xx(server: Server) -> None:
    session = Session(server.port)
    ok, listen = JSON | session.headers, {"accept": "text/event-stream"} | session.headers
    bad: list[tuple[str, dict[str, str], bytes | None, int]] = [
        ("POST", ok, b"{", 400),
        ("POST", ok, b"[]", 400),
        ("POST", ok, b"\xff\xfe", 400),
        ("POST", ok, b"[" * 19_000, 400),
        ("POST", ok, b"x" * 20_001, 413),
        ("POST", ok | {"accept": "text/html"}, b"{}", 406),
        ("POST", ok | {"content-type": "text/plain"}, b"{}", 415),
        ("POST", ok | {"host": "evil.example"}, b"{}", 421),
        ("POST", ok | {"origin": "http://evil.example"}, b"{}", 403),
        ("POST", ok | {"origin": "https://app.example.evil.example"}, b"{}", 403),
        ("POST", ok | {"mcp-protocol-version": "2026-07-28"}, PING, 400),
        ("POST", ok | {"mcp-protocol-version": "nonsense"}, PING, 400),
        ("POST", ok | {"mcp-session-id": "0" * 32}, PING, 404),
        ("POST", ok | {"mcp-session-id": ""}, PING, 400),
        ("POST", JSON, PING, 400),
        ("GET", listen | {"accept": "text/html"}, None, 406),
        ("GET", {"accept": "text/event-stream"}, None, 400),
        ("GET", listen | {"mcp-session-id": "0" * 32}, None, 404),
        ("DELETE", BOTH, None, 400),
        ("PUT", session.headers, None, 405),
    ]
    for method, headers, body, status in bad:
        with Exchange(server.port, method, headers, body) as answered:
            assert answered.status == status, (method, headers, body, answered.read_all())
    with session.call(1, 0) as called:
        answer(read_to_the_end(called))


def test_a_client_that_is_gone_before_it_has_a_session_is_no_mishap(server: Server) -> None:
    client = {"name": "t", "version": "1"}
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    for _ in range(20):
        with Exchange(server.port, "POST", JSON, body):
            pass  # and `serving` sees that there was no traceback
    Session(server.port)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"interval": -1, "count": 1, "caller": "ada"}, "interval: "),
        ({"interval": 0.1, "count": 1_000_000, "caller": "ada"}, "count: "),
        ({"interval": 0.1, "count": 1.5, "caller": "ada"}, "count: "),
        ({"interval": 0.1, "count": 1}, "caller: "),
        ({"interval": 0.1, "count": 1, "caller": ""}, "caller: "),
        ({"interval": 0.1, "count": 1, "caller": "ada", "more": 1}, "more: "),
        ({"interval": 60, "count": 2, "caller": "ada"}, "interval times count must stay below 120 s"),
        ({}, "interval: "),
    ],
)
def test_wrong_arguments_are_a_clear_tool_error(
    server: Server, arguments: dict[str, object], says: str
) -> None:
    with Session(server.port).request("tools/call", {"name": TOOL, "arguments": arguments}) as called:
        said = answer(read_to_the_end(called))
    assert said["isError"]
    assert said["content"][0]["text"].startswith(says)


def test_calls_are_counted_and_another_tool_is_an_error(server: Server) -> None:
    session = Session(server.port)
    with session.call(1, 0.5, request_id=2) as one, session.call(1, 0.5, request_id=3) as two:
        for stream in (one, two):
            read_events(stream, 2)
        with session.call(1, 0, request_id=4) as third:
            assert "try again" in answer(read_to_the_end(third))["content"][0]["text"]
        for stream in (one, two):
            read_to_the_end(stream)
    with session.request("tools/call", {"name": "other", "arguments": {}}, 5) as called:
        assert TOOL in read_to_the_end(called)[-1].message["error"]["message"]


def test_who_asks_for_warnings_only_gets_no_notifications(server: Server) -> None:
    session = Session(server.port)
    with session.request("logging/setLevel", {"level": "warning"}) as told:
        read_to_the_end(told)
    with session.call(2, 0, request_id=3) as called:
        found = read_to_the_end(called)
    assert numbers(found) == []
    assert answer(found)


def test_an_old_client_gets_no_event_without_data(server: Server) -> None:
    session = Session(server.port, "2025-06-18")
    with session.listen() as standing, session.call(2, 0.05) as called:
        had = read_events(called, 1)
        assert had[0].said["number"] == 1
        called.cut()
        with resumed(session, had[0].id) as again:
            assert numbers(read_to_the_end(again)) == [2]
        assert [event.said["stream"] for event in read_events(standing, 1)] == ["standing"]


def preflight(port: int, origin: str) -> Exchange:
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "mcp-session-id"}
    return Exchange(port, "OPTIONS", {"origin": origin} | asking)


def test_pages_of_allowed_origins_may_come_and_see_the_session(server: Server) -> None:
    for origin in ("http://localhost:5173", "http://127.0.0.1", "https://app.example"):
        with preflight(server.port, origin) as asked:
            assert asked.status == 204
            assert asked.response.headers["access-control-allow-origin"] == origin
            assert asked.response.headers["access-control-allow-headers"] == "mcp-session-id"
        with Exchange(
            server.port, "POST", JSON | {"origin": origin, "host": "mcp.example"}, PING
        ) as answered:
            assert answered.response.headers["access-control-allow-origin"] == origin
            assert answered.response.headers["access-control-expose-headers"] == "mcp-session-id"
    for origin in ("http://evil.example", "https://app.example.evil.example", "null"):
        with preflight(server.port, origin) as asked:
            assert asked.status == 403
            assert "access-control-allow-origin" not in asked.response.headers


def test_with_json_response_there_is_no_stream_to_resume() -> None:
    with serving(LESSON, "--json-response") as server:
        client = {"name": "t", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        session = Session.__new__(Session)
        session.port, session.headers = server.port, {}
        with session.request("initialize", params) as opened:
            session.headers = {"mcp-session-id": opened.response.headers["mcp-session-id"]}
        session.headers["mcp-protocol-version"] = "2025-11-25"
        with session.listen() as standing:
            with session.call(3, 0) as called:
                assert called.response.headers["content-type"] == "application/json"
                assert b"notifications/message" not in called.read_all()
            assert [event.said["stream"] for event in read_events(standing, 2)[1:]] == ["standing"]


def test_a_reader_that_stops_reading_is_let_go(tmp_path: Path) -> None:
    """Until then it holds up the calls of its own session; afterwards it may resume."""
    wide = Edit("server_side/notifications.py", "max_length=60", "max_length=60_000")
    with serving(edited(LESSON, tmp_path, wide), "--max-stall", "0.5", "--max-events", "2000") as server:
        session, other = Session(server.port), Session(server.port)
        with session.call(600, 0, "x" * 40_000) as asleep:
            had = read_events(asleep, 2)
            with other.call(1, 0) as quick:
                answer(read_to_the_end(quick))
            server.wait_for("has not read for 0.5 s: let go")
            with session.call(1, 0, request_id=3) as called:
                answer(read_to_the_end(called))
        with resumed(session, had[-1].id) as again:
            assert numbers(read_events(again, 4)) == [2, 3, 4]


def test_sessions_are_counted_and_go_when_nobody_uses_them(tmp_path: Path) -> None:
    """And what they held goes with them, by their own end or by DELETE."""
    watch = """
import threading, gc, event_store
def tell():
    gc.collect()
    held = sum(isinstance(one, event_store.SessionStreams) for one in gc.get_objects())
    print("held", held, flush=True)
    threading.Timer(0.1, tell).start()
if __name__ == "__main__":
    tell()
"""
    copy = edited(LESSON, tmp_path)
    source = (copy / "server.py").read_text(encoding="utf-8")
    last = "def main() -> None:\n    in_order()"
    assert last in source
    (copy / "server.py").write_text(source.replace(last, watch + last), encoding="utf-8")
    with serving(copy, "--max-sessions", "2", "--max-idle", "3") as server:
        # A task that the SDK starts with the first stream of a process keeps what that request was about.
        assert Session(server.port).delete() == 200
        deleted, idle = Session(server.port), Session(server.port)
        with pytest.raises(AssertionError, match="Too many"):
            Session(server.port)
        assert deleted.delete() == 200
        server.wait_for("held [34]")
        server.lines.clear()
        server.wait_for("held 1$")
        for _ in range(2):
            with idle.listen() as refused:
                assert refused.status == 404
                assert "initialize" in refused.json()["error"]["message"]


@POSIX
def test_ctrl_c_with_open_streams(server: Server) -> None:
    with serving(LESSON) as running:
        session = Session(running.port)
        with session.listen() as standing, session.call(2, 55) as called:
            cursor = read_events(called, 1)[0].id
            with resumed(session, cursor) as again:
                read_events(again, 1)
                running.ctrl_c()
                assert running.finish() == 0  # long before the streams would end
                for stream in (standing, called, again):
                    stream.read_all()
    assert "Traceback" not in running.output


@POSIX
def test_uvicorn_serves_the_same_app() -> None:
    command = [sys.executable, "-m", "uvicorn", "server:mcp_app", "--port", "0", "--reload"]
    with speaking(LESSON, *command) as uvicorn:
        port = int(uvicorn.wait_for(r"running on http://127.0.0.1:(\d+)")[1])
        wait_until_open(port)
        with Session(port).listen() as stream:
            read_events(stream, 1)
            uvicorn.ctrl_c()
            uvicorn.finish()
    assert "Traceback" not in uvicorn.output


def test_the_command_has_the_same_flags() -> None:
    command = str(Path(sys.executable).parent / "mcp-simple-streamablehttp")
    with (
        speaking(ROOT / "tests", command, "--help") as one,
        speaking(LESSON, sys.executable, "server.py", "--help") as two,
    ):
        assert one.finish() == two.finish() == 0
        assert one.output.replace("mcp-simple-streamablehttp", "server.py").split() == two.output.split()
    flags = ["--port", "0", "--log-level", "error", "--json-response", "--host", "127.0.0.1"]
    with speaking(ROOT / "tests", command, *flags) as server:
        wait_until_open(int(server.wait_for(r"listening on http://127\.0\.0\.1:(\d+)/mcp")[1]))


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, output = run(LESSON, "server.py", "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert re.fullmatch(r"Cannot listen on .* choose another with --port or --host\.", output), output
