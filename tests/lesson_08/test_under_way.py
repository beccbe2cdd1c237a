"""Lessons 08 and 10: a session, or the server, ends while POSTs are on their way into the SDK."""

import json
import os
import re
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import wire_08

from processes import ROOT, Server, serving
from wire import BOTH, PATIENCE, Exchange
from workshop.breaks import Edit, edited

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no signal that lets a process wait"
)

LESSON_08, LESSON_10 = ROOT / "08_notification_stream", ROOT / "10_resumption"
WAYS = [(LESSON_08, ()), (LESSON_08, ("--json-response",)), (LESSON_10, ())]
WITHOUT = Edit("plumbing/under_way.py", "end(self._posts.get(session_id, ()))", "pass")
CALL_08 = {"name": wire_08.TOOL, "arguments": {"count": 3, "interval": 0.1, "caller": "ada"}}
CALL_10 = {"name": "get_forecast", "arguments": {"city": "Rome"}}


class Busy:
    """A session, and requests on connections of their own that all reach its server in the same moment."""

    def __init__(self, server: Server, lesson: str, wires: ExitStack) -> None:
        self.server, self._wires, self._host = server, wires, f"127.0.0.1:{server.port}"
        self.call = CALL_08 if lesson == LESSON_08.name else CALL_10
        opening = wire_08.Session.__new__(wire_08.Session)  # with --json-response there is no stream to read
        opening.port, opening.headers = server.port, {}
        client = {"name": "t", "version": "1"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        with opening.request("initialize", params) as opened:
            opened.read()
            session_id = opened.response.headers["mcp-session-id"]
        self.headers = {"mcp-session-id": session_id, "mcp-protocol-version": "2025-11-25"}

    @contextmanager
    def at_once(self, *asked: tuple[str, object]) -> Generator[list[socket.socket]]:
        wires = [
            self._wires.enter_context(socket.create_connection(("127.0.0.1", self.server.port), PATIENCE))
            for _ in asked
        ]
        for wire in wires:  # once used, a connection is known to the server
            wire.sendall(self._request("POST", {}, {"mcp-session-id": "0" * 32}))
            told = b""
            while b"}}" not in told:
                told += wire.recv(4096)
        os.kill(self.server.popen.pid, signal.SIGSTOP)
        try:
            for wire, (method, message) in zip(wires, asked, strict=True):
                wire.sendall(self._request(method, message, self.headers))
        finally:
            os.kill(self.server.popen.pid, signal.SIGCONT)
        yield wires

    def _request(self, method: str, message: object, headers: dict[str, str]) -> bytes:
        body = json.dumps(message).encode() if message else b""
        own = BOTH | {"content-type": "application/json", "host": self._host} | headers
        lines = [f"{method} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in own.items())]
        return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def delete_under_posts(server: Server, lesson: str) -> list[bytes]:
    """Half of eight calls and eight notifications, a DELETE, and the rest: the status of each."""
    with ExitStack() as wires:
        busy = Busy(server, lesson, wires)
        posts: list[tuple[str, object]] = [
            *(
                ("POST", {"jsonrpc": "2.0", "id": 9 + i, "method": "tools/call", "params": busy.call})
                for i in range(8)
            ),
            *(
                ("POST", {"jsonrpc": "2.0", "method": "notifications/x", "params": {"n": i}})
                for i in range(8)
            ),
        ]
        asked = [*posts[::2], ("DELETE", None), *posts[1::2]]
        with busy.at_once(*asked) as sent:
            return [wire.recv(65536).partition(b"\r\n")[0] for wire in sent]


@pytest.mark.parametrize(("lesson", "flags"), WAYS)
def test_a_session_is_deleted_under_its_posts(lesson: Path, flags: tuple[str, ...]) -> None:
    server = Server(lesson, *flags)
    try:
        statuses = delete_under_posts(server, lesson.name)
    finally:
        server.stop()
    assert "Traceback" not in server.output, server.output
    assert statuses[8] == b"HTTP/1.1 200 OK"  # the DELETE
    # Who came before it may have been let in; nobody gets a 500.
    assert set(statuses) <= {b"HTTP/1.1 200 OK", b"HTTP/1.1 202 Accepted", b"HTTP/1.1 404 Not Found"}
    assert b"HTTP/1.1 404 Not Found" in statuses


@pytest.mark.parametrize(("lesson", "flags"), WAYS)
def test_without_the_mend_it_is_a_traceback(lesson: Path, flags: tuple[str, ...], tmp_path: Path) -> None:
    server = Server(edited(lesson, tmp_path, WITHOUT), *flags)
    try:
        delete_under_posts(server, lesson.name)
    finally:
        server.stop()
    assert re.search(r"ClosedResourceError|BrokenResourceError", server.output), server.output


def stop_under_posts(lesson: Path) -> str:
    """Ctrl-C, while many calls are on their way: what the server has written."""
    server = Server(lesson, "--max-calls", "1000")
    try:
        with ExitStack() as wires:
            busy = Busy(server, LESSON_08.name, wires)
            call = {"jsonrpc": "2.0", "method": "tools/call", "params": busy.call}
            with busy.at_once(*(("POST", call | {"id": number}) for number in range(9, 109))):
                server.wait_for("notifications begin")
                server.ctrl_c()
                server.finish()
    finally:
        server.stop()
    return server.output


def test_the_server_stops_under_posts() -> None:
    assert "Traceback" not in (output := stop_under_posts(LESSON_08)), output


def test_without_the_mend_a_stop_is_a_traceback(tmp_path: Path) -> None:
    assert "Traceback" in stop_under_posts(
        edited(LESSON_08, tmp_path, Edit("server.py", ", under_way.end_all]", "]"))
    )


@pytest.mark.parametrize("lesson", [LESSON_08, LESSON_10])
@pytest.mark.parametrize("names", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_a_delete_that_is_refused_ends_nothing(lesson: Path, names: dict[str, str]) -> None:
    with (
        serving(lesson, *(("--delay", "0.6") if lesson == LESSON_10 else ())) as server,
        ExitStack() as wires,
    ):
        busy = Busy(server, lesson.name, wires)
        message = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": busy.call})
        own = BOTH | {"content-type": "application/json"} | busy.headers
        with Exchange(server.port, "POST", own, message.encode()) as called:
            called.read()
            with Exchange(server.port, "DELETE", busy.headers | names) as refused:
                assert refused.status in (403, 421)
            assert b'"result"' in called.read_all()


def send_half_a_body(server: Server, lesson: str) -> None:
    """The client is gone in the middle of it, in a session or not."""
    with ExitStack() as wires:
        busy = Busy(server, lesson, wires)
        for headers in ({}, busy.headers):
            own = BOTH | {"content-type": "application/json", "content-length": "500"} | headers
            own |= {"host": f"127.0.0.1:{server.port}"}
            lines = ["POST /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in own.items()), "", ""]
            with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as wire:
                wire.sendall("\r\n".join(lines).encode() + b'{"jsonrpc"')
        with Exchange(server.port, "DELETE", busy.headers) as deleted:  # it answers on
            assert deleted.status == 200


@pytest.mark.parametrize("lesson", [LESSON_08, LESSON_10])
def test_half_a_body_is_no_traceback(lesson: Path) -> None:
    with serving(lesson) as server:  # which looks for tracebacks
        send_half_a_body(server, lesson.name)


@pytest.mark.parametrize("lesson", [LESSON_08, LESSON_10])
def test_without_the_mend_half_a_body_is_a_traceback(lesson: Path, tmp_path: Path) -> None:
    unaware = Edit("plumbing/body.py", "except ClientDisconnect:", "except ZeroDivisionError:")
    server = Server(edited(lesson, tmp_path, unaware))
    try:
        send_half_a_body(server, lesson.name)
        server.wait_for("ClientDisconnect")
    finally:
        server.stop()


def test_a_session_header_cannot_write_on_the_terminal() -> None:
    with serving(LESSON_08) as server:
        strange = {"accept": "text/event-stream", "mcp-session-id": "\x9b31mred"}
        with Exchange(server.port, "GET", strange) as refused:
            assert refused.status == 404
        assert "session ?31mred: refused with 404" in server.wait_for("refused with 404").string
