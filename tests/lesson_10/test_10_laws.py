"""Lesson 10 on the wire, law by law; the broken copies show that the tests can fail."""

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from broken_10 import FAST, LESSON, broken
from wire_10 import Event, Session, cities, messages, read_events, read_to_the_end

from processes import Server, serving
from wire import BOTH, ENOUGH, Exchange
from workshop.breaks import edited

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has only the second, and means the first
REPLAY = """
import asyncio, time
from mcp.types import JSONRPCNotification, JSONRPCResponse
from event_store import SessionStreams, follow
async def send(event): pass
async def replay(kept):
    events, best = SessionStreams(kept, 3600.0), 1.0
    for _ in range(kept - 11): events.record("2", JSONRPCNotification(jsonrpc="2.0", method="m"))
    cursor = [events.record("2", JSONRPCNotification(jsonrpc="2.0", method="m")) for _ in range(10)][0]
    events.record("2", JSONRPCResponse(jsonrpc="2.0", id=2, result={}))
    for _ in range(300):
        began = time.perf_counter()
        await follow(*events.buffer.find(cursor), send)
        best = min(best, time.perf_counter() - began)
    return best
print(asyncio.run(replay(100)), asyncio.run(replay(50_000)))
"""


@pytest.fixture(scope="module", params=["default", "all-streams"])
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def server(mode: str) -> Generator[Server]:
    flags = ["--all-streams"] if mode == "all-streams" else []
    with serving(LESSON, "--delay", "0.4", "--max-events", "40", "--retry", "500", *flags) as running:
        yield running


def whole(found: list[Event]) -> bool:
    """Six reports of progress and the answer, each once and in order."""
    said = messages(found)
    steps = [message["params"]["message"].split()[1] for message in said if "method" in message]
    return steps == list("123456") and "result" in said[-1] and len(said) == 7


@pytest.mark.parametrize("protocol", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_cut_at_each_byte_of_the_beginning_loses_nothing(server: Server, protocol: str) -> None:
    """Law 2, inside an event too; law 5, since the tool runs on; law 6, since each read ends."""
    for most in (1, 40, 500):
        session = Session(server.port, protocol)
        with session.call("Oslo") as called:
            had = read_events(called, 2, most)
        with session.resume(had[-1].id) as resumed:
            had += read_to_the_end(resumed)
        assert whole(had), had
        assert [event.place for event in had] == sorted({event.place for event in had})
        assert len({event.id for event in had}) == len(had)
        session.delete()


def test_the_first_event_names_the_stream_before_anything_is_known(server: Server) -> None:
    session = Session(server.port)
    with session.call("Oslo", drop=True) as called:
        (priming,) = read_to_the_end(called)
    assert priming.data == ""
    assert b"retry: 500" in called.body
    with session.resume(priming.id) as resumed:
        assert whole(read_to_the_end(resumed))
    with session.resume(priming.id) as again:
        found = read_to_the_end(again)
        assert whole(found)
    with session.resume(found[-1].id) as nothing:
        assert read_to_the_end(nothing) == []


def test_sessions_with_the_same_ids_do_not_mix(server: Server) -> None:
    """Law 4: two clients, each with JSON-RPC id 2, at the same time, cut and resumed."""
    names = ["Oslo", "Rome", "Lima", "Cairo"]
    sessions = [Session(server.port) for _ in names]
    cursors: list[str] = []
    for session, name in zip(sessions, names, strict=True):
        with session.call(name) as called:
            cursors.append(read_events(called, 1)[0].id)
    for session, name, cursor in zip(sessions, names, cursors, strict=True):
        with session.resume(cursor) as resumed:
            found = read_to_the_end(resumed)
        assert cities(found) == [name]
        assert whole(found)
    for session, cursor in zip(sessions, cursors[1:] + cursors[:1], strict=True):
        with session.resume(cursor) as refused:
            assert refused.status == 400  # somebody else's looks like one that was never issued
            assert refused.json()["error"]["code"] == -32003


def test_what_cannot_be_resumed_is_refused_aloud(server: Server) -> None:
    """Law 7."""
    session = Session(server.port)
    token = session.opening[-1].id.partition("-")[0]
    strange = ["", "0", "-1", "!", "none", f"{token}-1-999", f"{token}-9-1", f"{token}-1-" + "9" * 40]
    strange += [
        "00000000-1-1",
        f"{token}-1-0",
        "\xff\xfe",
        "x" * 5000,
        f"{token}-1-\u0663".encode().decode("latin-1"),
    ]
    for last_event_id in strange:
        with session.resume(last_event_id) as refused:
            assert refused.status == 400, last_event_id
            assert "again" in refused.json()["error"]["message"]
    evicted = session.opening[-1].id
    for request_id in range(10, 35):
        with session.post("ping", {}, request_id) as pinged:
            pinged.read_all()
    with session.resume(evicted) as refused:
        assert refused.status == 410
        assert refused.json()["error"]["code"] == -32003
    assert session.delete() == 200
    for call in (lambda: session.resume(evicted), lambda: session.call("Oslo")):
        with call() as refused:
            assert refused.status == 404
            assert "initialize" in refused.json()["error"]["message"]


def test_bad_input_gets_a_4xx(server: Server) -> None:
    """Law 9; `serving` sees that there was no traceback."""
    session = Session(server.port)
    ok = BOTH | {"content-type": "application/json"} | session.headers
    listen = {"accept": "text/event-stream"} | session.headers
    bad: list[tuple[str, dict[str, str], bytes | None, int]] = [
        ("POST", ok, b"{", 400),
        ("POST", ok, b"[]", 400),
        ("POST", ok, b"\xff\xfe", 400),
        ("POST", ok, b"[" * 50_000, 400),
        ("POST", ok, b"x" * 100_001, 413),
        ("POST", ok | {"accept": "text/html"}, b"{}", 406),
        ("POST", ok | {"content-type": "text/plain"}, b"{}", 415),
        ("POST", ok | {"host": "evil.example"}, b"{}", 421),
        ("POST", ok | {"origin": "http://evil.example"}, b"{}", 403),
        ("POST", ok | {"mcp-protocol-version": "2026-07-28"}, b"{}", 400),
        ("POST", ok | {"mcp-protocol-version": "nonsense"}, b"{}", 400),
        ("POST", ok | {"mcp-session-id": "unknown"}, b"{}", 404),
        (
            "POST",
            BOTH | {"content-type": "application/json"},
            b'{"jsonrpc":"2.0","id":1,"method":"ping"}',
            400,
        ),
        ("GET", listen | {"accept": "text/html"}, None, 406),
        ("GET", {"accept": "text/event-stream"}, None, 400),
        ("DELETE", BOTH, None, 400),
        ("PUT", session.headers, None, 405),
    ]
    for method, headers, body, status in bad:
        with Exchange(server.port, method, headers, body) as answered:
            assert answered.status == status, (method, headers, body, answered.read_all())
    for city in ("", "   ", "x" * 61):
        with session.call(city, 7) as called:
            (said,) = messages(read_to_the_end(called))
            assert said["result"]["isError"] is True
            assert "1 to 60" in said["result"]["content"][0]["text"]
    with session.call("Oslo", 8) as called:
        assert whole(read_to_the_end(called))


def test_a_replay_crosses_streams_only_where_it_was_asked_to(server: Server, mode: str) -> None:
    session = Session(server.port, "2025-06-18")
    session.call("Oslo").cut()
    with session.resume(session.opening[-1].id) as resumed:
        assert cities(read_to_the_end(resumed)) == (["Oslo"] if mode == "all-streams" else [])


def drain(session: Session, cuts: int) -> list[Event]:
    """A call at full speed, cut again and again."""
    with session.call("Oslo") as called:
        had = read_events(called, 20)
    for _ in range(cuts):
        with session.resume(had[-1].id) as resumed:
            assert resumed.status == 200, resumed.read_all()
            had += read_events(resumed, 5, 700)
    with session.resume(had[-1].id) as resumed:
        return had + read_to_the_end(resumed)


def steps(found: list[Event]) -> list[int]:
    return [int(said["params"]["message"].split()[1]) for said in messages(found) if "method" in said]


def test_nothing_falls_between_backlog_and_live(tmp_path: Path) -> None:
    """Law 3: a message each millisecond, and a hundred cuts."""
    with serving(edited(LESSON, tmp_path, FAST), "--delay", "1.5", "--max-events", "5000") as running:
        found = drain(Session(running.port), 100)
    assert steps(found) == list(range(1, 1501))
    assert cities(found) == ["Oslo"]


def test_the_plain_store_loses_in_the_seam_and_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    copy = broken(tmp_path, "plain store", FAST)
    with serving(copy, "--delay", "1.5") as running, pytest.raises(AssertionError, match="hung"):
        drain(Session(running.port), 40)


def test_the_sdk_live_after_a_replay_loses_messages(tmp_path: Path) -> None:
    with serving(
        broken(tmp_path, "lets the SDK go on live", FAST), "--delay", "1.5", "--max-events", "5000"
    ) as running:
        session = Session(running.port)
        with session.call("Oslo") as called:
            had = read_events(called, 5)
        while len(had) < 1000:
            with session.resume(had[-1].id) as resumed:
                news = read_events(resumed, 10, 700)
            if not news:  # its end is among what was lost
                break
            had += news
        running.popen.send_signal(KILL)  # its tool waits for ever for somebody to read
    found = steps(had)
    assert found != list(range(1, len(found) + 1)), "nothing was lost"


def test_the_plain_store_gives_one_session_the_answer_of_another(tmp_path: Path) -> None:
    with serving(broken(tmp_path, "plain store"), "--delay", "0.3") as running:
        mine, yours = Session(running.port), Session(running.port)
        with mine.call("Oslo") as called:
            cursor = read_events(called, 1)[-1].id
        with yours.call("Rome") as called:
            read_to_the_end(called)
        with mine.resume(cursor) as resumed:
            assert "Rome" in cities(read_events(resumed, 14))


def test_a_replay_costs_what_was_missed() -> None:
    """Law 10: the last ten of a hundred and of fifty thousand, the best of many tries each."""
    told = subprocess.run(
        [sys.executable, "-c", REPLAY], cwd=LESSON, capture_output=True, text=True, timeout=150
    )
    few, many = (float(seconds) for seconds in told.stdout.split())
    assert many < 5 * few, told


def test_the_end_of_a_session_ends_its_readers_and_frees_what_it_held(tmp_path: Path) -> None:
    """Law 8, whether the client ends it or it was idle."""
    watch = (
        "\nimport threading, gc\ndef tell():\n    from replay_buffer import EventMessage\n    print('held', "
    )
    watch += "sum(isinstance(o, EventMessage) for o in gc.get_objects()), flush=True)\n"
    watch += "    threading.Timer(0.2, tell).start()\n"
    copy = edited(LESSON, tmp_path)
    source = (copy / "server.py").read_text(encoding="utf-8")
    timer = f'{watch}\nif __name__ == "__main__":\n    threading.Timer(0.2, tell).start()\n'
    (copy / "server.py").write_text(source.replace('\nif __name__ == "__main__":\n', timer), encoding="utf-8")
    with serving(copy, "--delay", "0.3", "--max-idle", "3") as running:
        ended, idle = Session(running.port), Session(running.port)
        with ended.call("Oslo") as called:
            cursor = read_events(called, 1)[0].id
        running.wait_for("held [1-9]")
        with ended.resume(cursor) as reading:
            assert ended.delete() == 200
            read_to_the_end(reading)
        running.wait_for(f"{idle.headers['mcp-session-id'][:8]}: idle for 3 s")
        running.wait_for("held 0$")
        with idle.resume(idle.opening[0].id) as refused:
            assert refused.status == 404


def test_a_reader_that_stops_reading_is_let_go(tmp_path: Path) -> None:
    """Law 8: until then it holds up its own session; the others go on."""
    big = edited(LESSON, tmp_path, FAST)
    weather = big / "server_side" / "weather.py"
    source = weather.read_text(encoding="utf-8")
    weather.write_text(source.replace('f"station {station}', '"x" * 20_000 + f"station {station}'))
    with serving(big, "--delay", "0.5", "--max-stall", "1", "--max-events", "50") as running:
        slow, other = Session(running.port), Session(running.port)
        with slow.call("Oslo") as stalled:
            read_events(stalled, 1)
            running.wait_for("has not read for 1 s: let go")
            with other.post("ping", {}, 2) as pinged:
                assert messages(read_to_the_end(pinged))[0]["result"] == {}
        running.wait_for("ready")


def test_the_limits_hold() -> None:
    with serving(
        LESSON, "--max-sessions", "2", "--max-calls", "1", "--delay", "0.3", "--max-age", "0.5"
    ) as running:
        sessions = [Session(running.port) for _ in range(2)]
        with pytest.raises(AssertionError, match="Too many"):
            Session(running.port)
        with sessions[0].call("Oslo") as first, sessions[1].call("Rome") as second:
            assert "try again" in messages(read_to_the_end(second))[-1]["result"]["content"][0]["text"]
            found = read_to_the_end(first)
        time.sleep(0.5)  # the age that is tested
        with sessions[0].resume(found[0].id) as old:
            assert old.status == 410
