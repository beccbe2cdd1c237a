"""The server on the wire, on each storage: the laws that processes can break, limits, and bad input."""

import random
import re
import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis
from wire_11 import Client, opened, whole

from plumbing.jsonrpc import LOG_LEVELS
from processes import Server, run, serving
from wire import Event

QUICK = ("--retry", "10", "--lease", "0.6", "--ping", "1")


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    folder: Path = tmp_path_factory.mktemp("storage")
    if request.param == "redis":
        with (
            real_redis(folder) as redis,
            serving(LESSON, "--workers", "2", "--redis", redis.url, *QUICK) as server,
        ):
            yield server
    else:
        file = str(folder / "s.db")
        with serving(LESSON, "--storage", request.param, "--file", file, *QUICK) as server:
            yield server


def test_cut_anywhere_and_often(server: Server) -> None:
    """Laws 2, 3 and 5: many cuts inside events and between them, while the build goes on."""
    dice = random.Random(11)  # noqa: S311 (the same cuts each time)
    client = Client(server.port)
    stream = client.build(400, 0.002)
    cursor, came = stream.events[0].id, list[Event]()
    for _ in range(60):
        with stream:
            goal = len(stream.body) + dice.randrange(3000)
            while len(stream.body) < goal and not stream.ended:
                stream.read(goal - len(stream.body))
            came += stream.messages
        cursor = came[-1].id if came else cursor
        stream = client.listen(cursor)
        assert stream.status == 200, stream.read_all()
    with stream:
        stream.read_all()
        came += stream.messages
    whole(came, 400)


def test_an_id_that_is_too_long_is_refused(server: Server) -> None:
    """Law 8: an id stays in the notes of the job, and in its answer."""
    client = Client(server.port)
    with client.begin(1, 0, "x" * 201) as refused:
        assert refused.status == 400
        told = refused.read_all()
        assert b"Not a JSON-RPC message: id." in told
        assert b"xxx" not in told
    with client.build(1, 0, "x" * 200) as stream:
        stream.read_all()
        whole(stream.messages, 1, "x" * 200)


def test_the_answer_comes_on_the_calls_own_stream_and_ends_it(server: Server) -> None:
    """Law 6: live, replayed, and for one who has it all."""
    client = Client(server.port)
    standing, _ = opened(client)
    with standing, client.build(20, 0.01) as stream:
        stream.read_all()
        whole(stream.messages, 20)
        assert stream.events[0].data == "", "a priming event"
        for after, event in enumerate(stream.events):
            with client.listen(event.id) as again:
                again.read_all()
                assert again.events == stream.events[after + 1 :]
        assert not standing.messages, "on one stream only"


def test_calls_of_one_session_keep_to_themselves(server: Server) -> None:
    """Law 4: a replay brings the stream that its id belongs to, and no other."""
    client = Client(server.port)
    standing, start = opened(client)
    calls: list[tuple[int, int | str]] = [(30, 7), (20, "7"), (10, 8)]
    cursors = [client.left(steps, 0.01, call) for steps, call in calls]
    assert len({cursor[:-2] for cursor in [start, *cursors]}) == 4
    with standing:
        for (steps, call), cursor in zip(calls, cursors, strict=True):
            with client.listen(cursor) as stream:
                stream.read_all()
                whole(stream.messages, steps, call)
        assert not standing.messages and not standing.ended


def test_a_session_has_its_own(server: Server) -> None:
    one, two = Client(server.port), Client(server.port)
    with one.build(20, 0) as stream_one, two.build(30, 0) as stream_two:
        whole(stream_one.read_messages(22), 20)
        whole(stream_two.read_messages(32), 30)
    standing, start = opened(two)
    standing.cut()
    for mine, theirs in ((one, stream_two), (two, stream_one)):
        with mine.listen(theirs.messages[4].id) as refused:
            assert refused.status == 400, "foreign-session"
            assert "Last-Event-ID" in refused.json()["error"]["message"]
    known = stream_one.events[0].id.removesuffix("-0")
    made_up = ("0" if known[0] == "f" else "f") + known[1:]
    for never in (f"{known}-99", f"{made_up}-1", "0", "-1", "!", "", "9" * 40, f"{known}-01", known, start):
        with one.listen(never) as refused:
            assert refused.status == 400, f"silent: {never}"


def test_a_request_that_is_sent_again_begins_nothing_again(server: Server) -> None:
    """It has its stream from the beginning on, whether the build goes on or is over."""
    client = Client(server.port)
    for _ in range(3):
        client.left(10, 0.02)
    for _ in range(2):
        with client.build(10, 0.02) as stream:
            stream.read_all()
            whole(stream.messages, 10)


def test_it_has_to_accept_a_stream(server: Server) -> None:
    client = Client(server.port)
    asked = {"name": "build_project", "arguments": {"steps": 1}}
    with client.post("tools/call", asked, accept="application/json") as refused:
        assert refused.status == 406
        assert "text/event-stream" in refused.json()["error"]["message"]


def test_each_log_level_can_be_asked_for_and_no_other(server: Server) -> None:
    client = Client(server.port)
    for level in LOG_LEVELS:
        with client.post("logging/setLevel", {"level": level}) as answered:
            assert answered.json()["result"] == {}
    for level in ("loud", None, 3, ["info"]):
        with client.post("logging/setLevel", {"level": level}) as refused:
            assert "A level is one of debug, info" in refused.json()["error"]["message"]


def test_an_older_client_has_no_priming_event_and_its_cursor_at_once(server: Server) -> None:
    client = Client(server.port, "2025-06-18")
    with client.build(5, 0.05) as stream:
        assert stream.events[0].data
        cursor = stream.events[0].id
    with client.listen(cursor) as rest:
        rest.read_all()
        whole([stream.events[0], *rest.events], 5)


def test_a_reader_of_one_stream_ends_no_other(server: Server) -> None:
    client = Client(server.port)
    standing, _ = opened(client)
    with standing, client.build(60, 0.02) as first, client.listen(first.events[0].id) as second:
        first.read_all()
        assert len(first.messages) < 62, "handed over to the second"
        second.read_all()
        whole(second.messages, 60)
        assert not standing.ended
        assert client.delete() == 204
        standing.read_all()


def test_a_deleted_session_is_over_for_all(server: Server) -> None:
    client = Client(server.port)
    standing, start = opened(client)
    with standing, client.build(1000, 0.01) as stream:
        stream.read_messages(3)
        assert client.delete() == 204
        stream.read_all()
        standing.read_all()
    for cursor in (None, start, stream.events[0].id):
        with client.listen(cursor) as refused:
            assert refused.status == 404
            assert "initialize" in refused.json()["error"]["message"]
    assert client.delete() == 404


def test_the_last_reader_to_come_reads(server: Server) -> None:
    """Whichever worker holds the first stream, and whichever the second."""
    client = Client(server.port)
    for _ in range(4):
        first, start = opened(client)
        with first, client.listen(start) as second:
            second.read(1)
            first.read_all()


def test_each_answer_says_who_gave_it(server: Server) -> None:
    client = Client(server.port)
    with client.post("ping", {}) as answered:
        assert int(answered.response.headers["x-worker"]) > 1
    with client.listen("!") as refused:
        assert int(refused.response.headers["x-worker"]) > 1


@pytest.mark.parametrize("arguments", [{"steps": 0}, {"steps": "3"}, {"interval": -1}, {"x": 1}, [], 3])
def test_wrong_arguments_are_a_tool_error(server: Server, arguments: object) -> None:
    client = Client(server.port)
    with client.post("tools/call", {"name": "build_project", "arguments": arguments}) as answered:
        assert answered.status == 200
        assert answered.json()["result"]["isError"]


def test_what_was_evicted_is_refused_and_sessions_are_counted_and_end(tmp_path: Path) -> None:
    """On Redis, whose trimming is rough, and with the limits small."""
    small = ("--max-events", "10", "--max-sessions", "3", "--max-idle", "4")
    with real_redis(tmp_path) as redis, serving(LESSON, "--redis", redis.url, *QUICK, *small) as server:
        client, _, idle = (Client(server.port) for _ in range(3))
        with pytest.raises(AssertionError, match="There are 3 sessions"):
            Client(server.port)
        start = client.left(900, 0)
        while True:
            with client.listen(start) as refused:
                if refused.status == 410:
                    told = refused.json()["error"]
                    break
                assert refused.status == 200
        assert told["message"].endswith("For what is left, GET with Last-Event-ID: data.cursor.")
        while True:  # it may be evicted, too, while the build goes on
            with client.listen(told["data"]["cursor"]) as left:
                if left.status == 200:
                    left.read_messages(1)
                    assert left.events[0].id == told["data"]["oldest"]
                    break
                told = left.json()["error"]
        while idle.delete() != 404:  # it is deleted, or over: then another one may come
            pass
        Client(server.port)


@pytest.mark.parametrize("storage", ["memory", "sqlite", "redis"])
def test_the_queue_has_an_end(storage: str, tmp_path: Path) -> None:
    """Law 8: a call beyond it is refused and begins nothing; one that is only sent again is not."""
    with ExitStack() as running:
        where = ("--storage", storage, "--file", str(tmp_path / "s.db"))
        if storage == "redis":
            redis = running.enter_context(real_redis(tmp_path))
            where = ("--redis", redis.url, "--workers", "2")
        small = ("--max-queue", "2", "--max-jobs", "1")
        server = running.enter_context(serving(LESSON, *where, *QUICK, *small))
        client, other = Client(server.port), Client(server.port)
        client.left(2, 0.4)
        client.left(2, 0.4, request_id=8)
        for _ in range(2):
            with other.begin(2, 0) as refused:
                assert refused.status == 429, refused.read_all()
                said = refused.json()["error"]["message"]
                assert re.fullmatch(r"There are [2-4] jobs in the queue: try later, with the same id\.", said)
            client.left(2, 0.4, request_id=8)
        with client.build(2, 0.4, request_id=8) as stream:
            stream.read_all()
            whole(stream.messages, 2, 8)
        while True:  # a job leaves the queue a moment after its answer
            with other.begin(2, 0) as begun:
                if begun.status == 200:
                    begun.read_all()
                    whole(begun.messages, 2)
                    break
                assert begun.status == 429


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--storage", "redis", "--redis", "redis://127.0.0.1:1/0"), "Three ways to get one"),
        (("--storage", "sqlite", "--workers", "2"), "leave out --workers 2, or use --storage redis"),
        (("--storage", "memory", "--buffer", "redis", "--redis", "redis://127.0.0.1:1/0"), "no Redis at"),
        (("--buffer", "none", "--workers", "2"), "share sessions, events and fan-out by Redis"),
        (("--buffer", "none", "--broker", "none"), "no message would ever come"),
        (("--storage", "memory", "--buffer", "pebble"), "pebble is no buffer: write none, memory, sqlite"),
        (("--storage", "memory", "--buffer", "my_buffer:My"), "No module named 'my_buffer'"),
        (("--storage", "memory", "--buffer", "broker:Inbox"), "it has no method record and no replay"),
    ],
)
def test_what_cannot_be_is_one_sentence(flags: tuple[str, ...], said: str) -> None:
    code, output = run(LESSON, "server.py", "--port", "0", *flags)
    assert code == 1
    assert said in output
    assert len(output.splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
def test_ctrl_c_ends_all_workers_with_open_streams(tmp_path: Path) -> None:
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--workers", "2", "--redis", redis.url, *QUICK) as server,
    ):
        client, at_work = Client(server.port), set[str]()
        while len(at_work) < 2:  # the second worker starts on when the server listens already
            with client.post("ping", {}) as answered:
                at_work.add(answered.response.headers["x-worker"])
        standing, _ = opened(client)
        with standing, client.build(50, 5.0) as stream:
            server.ctrl_c()
            stream.read_all()
            standing.read_all()
            assert server.finish() == 0  # long before the build would end
    assert signal.SIGINT not in (server.popen.returncode,)
