"""Laws 8 and 9: each limit of lesson 09 is reached, said, and hinders nobody; bad input is refused."""

import re
import sys
import time
from collections.abc import Generator

import pytest
from broken_09 import LESSON
from laws_09 import KEY, build_of, called, resumed, whole

from processes import Server, run, serving, speaking, wait_until_open
from wire import BOTH, Exchange, Session

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
SMALL = ("--max-calls", "2", "--max-keys", "2", "--max-body", "2000", "--max-sessions", "60", "--ping", "0.2")


@pytest.fixture(scope="module")
def small() -> Generator[Server]:
    with serving(LESSON, *SMALL, "--max-key-age", "3", "--max-idle", "2") as server:
        yield server


def refused(session: Session, arguments: object, **meta: object) -> str:
    """What a call that cannot begin is answered with: a tool error."""
    params = {"name": "build_project", "arguments": arguments, "_meta": meta}
    with session.post("tools/call", params) as answered:
        assert answered.status == 200
        result = answered.json()["result"]
    assert result["isError"], result
    return result["content"][0]["text"]


def test_calls_at_work_are_counted(small: Server) -> None:
    session = Session(small.port)
    with called(session, 1, 60), called(session, 1, 60):
        assert "wait for one to end" in refused(session, {"steps": 1})
        with called(Session(small.port), 1, 0) as other:
            other.read_all()
    assert session.delete() == 204
    small.wait_for("build [0-9a-f]{8} given up", times=2)


def test_keys_are_counted_and_forgotten(small: Server) -> None:
    """A running build keeps its key; of finished ones the oldest goes first, and each after its time."""
    one, other = Session(small.port), Session(small.port)
    with called(one, 1, 0.5, "a"), called(other, 1, 0.5, "b"):
        assert "try again later" in refused(one, {"steps": 1, "seconds": 0}, **{KEY: "c"})
        small.wait_for("finished", times=2)
    with called(one, 1, 0, "c") as third:
        third.read_all()
    with called(one, 1, 0, "c") as again:
        again.read_all()
    assert build_of(third.messages) == build_of(again.messages)
    time.sleep(3.1)  # as long as a result is kept
    with called(Session(small.port), 1, 0, "c") as later:
        later.read_all()
    assert build_of(later.messages) != build_of(third.messages)


def test_a_cancelled_build_frees_its_key(small: Server) -> None:
    """Else a client that cancels could hold every key, and the processor, for as long as its builds take."""
    session, before = Session(small.port), small.output.count("given up")
    for key in ("cancel 1", "cancel 2", "cancel 3", "cancel 4"):  # more than there are keys
        with called(session, 2, 60, key) as stream:
            with session.post("notifications/cancelled", {"requestId": 1}) as told:
                told.read_all()
            stream.read_all()
    small.wait_for("given up", times=before + 4)


def test_a_build_that_nobody_waits_for_makes_room(small: Server) -> None:
    """Its session has ended, and it still has its key, until another build needs that."""
    for key in ("leave 1", "leave 2", "leave 3", "leave 4"):
        session = Session(small.port)
        with called(session, 2, 60, key) as stream:
            assert stream.events, "it has not begun"
            assert session.delete() == 204
    with called(Session(small.port), 1, 0, "stay") as stream:
        stream.read_all()
        whole(stream.messages, 1)


def test_a_key_that_is_there_needs_no_room() -> None:
    """As many keys are remembered as may be: each is found again, until another one needs room."""
    with serving(LESSON, "--max-keys", "2") as server:
        session, builds = Session(server.port), list[str]()
        for key in ("a", "b", "a", "b", "c", "b", "a"):
            with called(session, 1, 0, key) as stream:
                stream.read_all()
                builds.append(build_of(stream.messages))
    first, second, third, last = builds[0], builds[1], builds[4], builds[6]
    assert builds == [first, second, first, second, third, second, last]
    assert len({first, second, third, last}) == 4


def test_a_key_is_for_the_same_arguments(small: Server) -> None:
    session = Session(small.port)
    with called(session, 1, 0, "same") as first:
        first.read_all()
    assert "other arguments" in refused(session, {"steps": 2, "seconds": 0}, **{KEY: "same"})
    for key in ("", 7, "x" * 201, ["a"]):
        assert "1 to 200" in refused(session, {"steps": 1, "seconds": 0}, **{KEY: key})


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": "3"}, {"seconds": -1}, {"other": 1}, [], None])
def test_wrong_arguments_are_a_tool_error(small: Server, arguments: object) -> None:
    session = Session(small.port)
    assert refused(session, arguments)
    session.delete()


@pytest.mark.parametrize(
    ("method", "headers", "body", "status"),
    [
        ("POST", {"host": "evil.example"}, b"{}", 421),
        ("POST", {"origin": "http://evil.example"}, b"{}", 403),
        ("POST", {"accept": "text/html"}, b"{}", 406),
        ("POST", {"accept": "application/json"}, b"{}", 406),
        ("POST", {"mcp-protocol-version": "2026-07-28"}, b"{}", 400),
        ("POST", {}, b"[" * 1000, 400),
        ("POST", {}, b" " * 2001, 413),
        ("GET", {"accept": "application/json"}, None, 406),
        ("PUT", {}, b"{}", 405),
    ],
)
def test_a_wrong_request_is_refused(
    small: Server, method: str, headers: dict[str, str], body: bytes | None, status: int
) -> None:
    told = BOTH | {"content-type": "application/json"} | headers
    with Exchange(small.port, method, told, body) as answered:
        assert answered.status == status
        assert answered.json()["error"]["message"]


def test_a_request_that_is_cancelled_ends_its_build(small: Server) -> None:
    """By the client's word; a cut would not."""
    session = Session(small.port)
    with called(session, 1, 60) as stream:
        with session.post("notifications/cancelled", {"requestId": 1}) as told:
            assert told.status in (200, 202)
        body = stream.read_all()
    assert b'"result"' not in body
    session.delete()


def test_who_gives_no_progress_token_gets_no_progress(small: Server) -> None:
    session = Session(small.port)
    for meta in ({"progressToken": None}, {}):
        asked = {"name": "build_project", "arguments": {"steps": 3, "seconds": 0.0}, "_meta": meta}
        with session.post("tools/call", asked) as stream:
            stream.read_all()
        assert b"progress" not in stream.body
        assert len(stream.messages) == 4  # three log lines, and the result
    session.delete()


GIVEN_UP = """
import asyncio, gc
from builds.build import Build
from builds.registry import KEY, Builds
from sessions import Limits, Session, Sessions

def kept() -> int:
    gc.collect()
    return sum(isinstance(thing, (Build, Session)) for thing in gc.get_objects())

def call_and_go(builds: Builds, sessions: Sessions, number: int) -> None:
    session = sessions.open("2025-11-25")
    keyed = number < 1000
    builds.call(session, 1, {"seconds": 3600.0}, {KEY: str(number)} if keyed else {})
    if keyed:
        builds.cancel(session, 1)
    builds.leave_all(session)
    sessions.end(session, "deleted by its client")

async def main() -> None:
    limits = Limits(max_keys=1000)
    sessions = Sessions(limits)
    async with Builds(limits, sessions) as builds, asyncio.timeout(30):
        for number in range(1100):
            call_and_go(builds, sessions, number)
            await asyncio.sleep(0)
        while count := kept():
            print(count, "are kept")
            await asyncio.sleep(0.05)
    print("nothing is kept")

asyncio.run(main())
"""


def test_builds_that_were_given_up_keep_nothing() -> None:
    """A thousand with a key, cancelled by a client that deletes its session, and a hundred without one."""
    code, output = run(LESSON, "-c", GIVEN_UP)
    assert code == 0, output
    assert output.splitlines()[-1] == "nothing is kept", output


def test_a_session_at_work_is_not_idle(small: Server) -> None:
    """Nobody is connected for longer than a session may be idle: its build runs on, and it waits."""
    session = Session(small.port)
    stream = called(session, 2, 4)
    start = stream.events[0].id
    stream.cut()
    small.wait_for(f"connection lost after {start}")
    time.sleep(3)
    with resumed(session, start) as again:
        again.read_all()
        whole(again.messages, 2)
    small.wait_for(f"session {session.headers['mcp-session-id'][:8]} ended: idle")


def test_a_standing_stream_tells_of_keyed_builds(small: Server) -> None:
    session = Session(small.port)
    with session.listen() as standing, called(session, 1, 0, "told") as stream:
        stream.read_all()
        standing.read_messages(1)
        assert re.search("finished; a call with its key brings the result", standing.messages[0].data)
        while b": still here\n" not in standing.body:  # silence shows life
            standing.read()
        cursor = standing.messages[0].id
    with resumed(session, cursor) as again:
        again.read()
        assert not again.messages
    session.delete()


def test_old_clients_get_no_event_without_data(small: Server) -> None:
    for protocol in ("2025-03-26", "2025-06-18"):
        session = Session(small.port, protocol)
        with called(session, 1, 0) as stream:
            stream.read_all()
            assert all(event.data for event in stream.events)
            whole(stream.events, 1)
        session.delete()


def test_who_stops_reading_is_let_go_and_told_what_is_gone() -> None:
    with serving(LESSON, "--max-stall", "0.4", "--max-events", "1000") as server:
        session = Session(server.port)
        with called(session, 30_000, 0) as stream:
            server.wait_for("has not read for 0.4 s")
            with session.post("ping", {}) as answered:
                assert answered.json()["result"] == {}
            server.wait_for("finished")
        with session.listen(stream.events[0].id) as gone:
            assert gone.status == 410
            rest = gone.json()["error"]["data"]["cursor"]
        with resumed(session, rest) as end:
            end.read_all()
            assert build_of(end.messages)
            assert len(end.messages) == 1000


@POSIX
@pytest.mark.parametrize("by", ["server.py", "uvicorn"])
def test_ctrl_c_ends_it_with_builds_and_streams_open(by: str) -> None:
    command = (by, "--port", "0") if by == "server.py" else ("-m", by, "server:mcp_app", "--port", "0")
    with speaking(LESSON, sys.executable, *command) as server:
        port = int(server.wait_for(r"(?:listening|running) on http://127\.0\.0\.1:(\d+)")[1])
        wait_until_open(port)
        session = Session(port)
        with session.listen() as standing, called(session, 1, 60, "key") as stream, called(session, 1, 60):
            standing.read()
            server.ctrl_c()
            stream.read_all()
            server.finish()  # long before the builds would end
    assert "Traceback" not in server.output
    if by == "server.py":
        assert server.popen.returncode == 0
