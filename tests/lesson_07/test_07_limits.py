"""Law 8: each limit of lesson 07 is reached, said, and hinders nobody else."""

import contextlib
from collections.abc import Generator

import pytest
from broken_07 import LESSON
from laws_07 import opened, resumed, whole

from processes import Server, serving
from wire import BOTH, Event, Exchange, Session

SMALL = ("--max-events", "10", "--max-bursts", "1", "--max-body", "1000", "--ping", "0.1", "--retry", "20")


@pytest.fixture(scope="module")
def small() -> Generator[Server]:
    with serving(LESSON, *SMALL) as server:
        yield server


def test_what_was_evicted_is_refused_with_what_is_still_there(small: Server) -> None:
    session = Session(small.port)
    stream, start = opened(session)
    stream.cut()
    small.wait_for(f"connection lost after {start}")
    session.call(25, 0)
    name = start.partition("-")[0]
    with session.listen(f"{name}-14") as refused:
        assert refused.status == 410
        assert refused.json()["error"]["data"] == {"oldest": f"{name}-16", "cursor": f"{name}-15"}
    with resumed(session, f"{name}-15") as stream:
        assert [event.number for event in stream.read_messages(10)] == list(range(16, 26))


def test_a_second_burst_waits_for_the_first(small: Server) -> None:
    session = Session(small.port)
    assert not session.call(2, 60)["isError"]
    refused = session.call(2, 60)
    assert refused["isError"]
    assert "wait" in refused["content"][0]["text"]
    assert not Session(small.port).call(1, 0)["isError"]


@pytest.mark.parametrize("headers", [{"content-length": "1001"}, {"transfer-encoding": "chunked"}])
def test_a_body_has_an_end(small: Server, headers: dict[str, str]) -> None:
    body = b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n" if "transfer-encoding" in headers else b" " * 1001
    with Exchange(small.port, "POST", BOTH | {"content-type": "application/json"} | headers, body) as refused:
        assert refused.status == 413
        assert "1000 bytes" in refused.json()["error"]["message"]


def test_silence_shows_life(small: Server) -> None:
    stream, _ = opened(Session(small.port))
    with stream:
        while b": still here\n" not in stream.body:
            stream.read()


def test_the_last_reader_to_come_reads(small: Server) -> None:
    session = Session(small.port)
    first, start = opened(session)
    with first, resumed(session, start) as second:
        first.read_all()
        session.call(1, 0)
        assert [event.number for event in second.read_messages(1)] == [1]


def test_old_clients_get_no_event_without_data(small: Server) -> None:
    for protocol in ("2025-03-26", "2025-06-18"):
        session = Session(small.port, protocol)
        with session.listen() as stream:
            session.call(1, 0)
            assert len(stream.read_messages(1)) == len(stream.events) == 1
            assert stream.body.startswith(b"retry: 20\n")


def test_a_reader_that_was_cut_before_its_first_event_loses_nothing(small: Server) -> None:
    """An old client has no priming event, and so no cursor: its next stream begins where this one did."""
    session = Session(small.port, "2025-06-18")
    with session.listen() as stream:
        session.call(2, 0)
        stream.read_messages(2)
    small.wait_for(f"{session.headers['mcp-session-id'][:8]}: connection lost after")
    for lost in (1, 2):
        session.listen().cut()
        small.wait_for(f"{session.headers['mcp-session-id'][:8]}: connection lost after", times=1 + lost)
    session.call(2, 0)
    with session.listen() as stream:
        assert [event.number for event in stream.read_messages(2)] == [1, 2]


def test_sessions_are_counted() -> None:
    with serving(LESSON, "--max-sessions", "2") as server:
        first, _ = Session(server.port), Session(server.port)
        with pytest.raises(AssertionError, match="There are 2 sessions"):
            Session(server.port)
        first.delete()
        Session(server.port)


def test_a_session_that_nothing_uses_ends() -> None:
    with serving(LESSON, "--max-idle", "2") as server:
        read, at_work, idle = (Session(server.port) for _ in range(3))
        stream, _ = opened(read)
        at_work.call(2, 60)
        server.wait_for("ended: idle for 2 s")
        with stream:
            assert read.call(1, 0)
            assert [event.number for event in stream.read_messages(1)] == [1]
        assert at_work.delete() == 204
        assert idle.delete() == 404
        server.wait_for("ended: idle for 2 s", times=2)


def test_who_stops_reading_is_let_go_and_may_resume() -> None:
    with serving(LESSON, "--max-stall", "0.5", "--max-events", "50000") as server:
        session, other = Session(server.port), Session(server.port)
        stream, start = opened(session)
        with stream:
            session.call(50_000, 0)
            with other.listen() as quick:
                other.call(1000, 0)
                whole(quick.read_messages(1000), 1000)
            server.wait_for("has not read for 0.5 s")
        came: list[Event] = []
        while len(came) < 50_000:  # whoever is slow on a busy machine may be let go again
            with resumed(session, came[-1].id if came else start) as again:
                with contextlib.suppress(ConnectionResetError):
                    again.read_messages(50_000 - len(came))
                came += again.messages
        whole(came, 50_000)


def test_who_reads_too_slowly_is_told() -> None:
    with serving(LESSON, "--max-events", "100", "--max-bursts", "1") as server:
        session = Session(server.port)
        stream, _ = opened(session)
        with stream:
            session.call(50_000, 0)
            while session.call(1, 0)["isError"]:  # until the burst has ended, unread
                pass
            stream.read_all()
            last = stream.messages[-1]
        assert last.number < 50_000
        with session.listen(last.id) as refused:
            assert refused.status == 410
