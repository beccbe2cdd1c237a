"""Laws 2 to 7 as functions of a port, for any server that has lesson 07's tool.

They are held against the lesson's server, which keeps them, and against copies of it that do not.
"""

import random

from wire import Event, Exchange, Session


def opened(session: Session) -> tuple[Exchange, str]:
    """The standing stream, and the id that its priming event gives."""
    stream = session.listen()
    while not stream.events:
        stream.read()
    return stream, stream.events[0].id


def resumed(session: Session, cursor: str) -> Exchange:
    stream = session.listen(cursor)
    if stream.status != 200:
        with stream:
            raise AssertionError(f"lost: what follows {cursor} is refused: {stream.read_all()!r}")
    return stream


def whole(came: list[Event], count: int) -> None:
    """The verdict on what came, held against what an uncut run brings."""
    numbers = [event.number for event in came]
    missing = sorted(set(range(1, count + 1)) - set(numbers))
    assert not missing, f"lost {len(missing)}, the first {missing[:5]}"
    assert len(numbers) == count, f"doubled {len(numbers) - count}"
    assert numbers == sorted(numbers), "moved"


def law_2_cut_at_every_byte(port: int, count: int = 3) -> None:
    """Twice in a row: a resumed stream is cut after each number of bytes, and resumed to its end."""
    session = Session(port)
    stream, start = opened(session)
    with stream:
        session.call(count, 0)
        stream.read_messages(count)
    with resumed(session, start) as uncut:
        whole(uncut.read_messages(count), count)
        length = len(uncut.body)
    for position in range(0, length + 1):
        with resumed(session, start) as first:
            while len(first.body) < position:
                first.read(position - len(first.body))
            had = first.messages
            first.cut(reset=position % 2 == 0)
        with resumed(session, had[-1].id if had else start) as second:
            whole(had + second.read_messages(count - len(had)), count)


def law_2_nothing_missed(port: int) -> None:
    """Who has everything is sent nothing again, and what comes later."""
    session = Session(port)
    stream, _ = opened(session)
    with stream:
        session.call(2, 0)
        last = stream.read_messages(2)[-1].id
    with resumed(session, last) as stream:
        session.call(1, 0)
        assert [event.number for event in stream.read_messages(1)] == [1], "doubled"


def cut_again_and_again(port: int, count: int, interval: float, cuts: int) -> None:
    """Law 3: cut while the burst is at work, wherever a random number of bytes ends."""
    dice = random.Random(7)  # noqa: S311 (the same cuts each time)
    session = Session(port)
    stream, cursor = opened(session)
    session.call(count, interval)
    came: list[Event] = []
    for _ in range(cuts):
        with stream:
            goal = len(stream.body) + dice.randrange(2 * count * 170 // cuts)
            while len(stream.body) < goal and len(came) + len(stream.messages) < count:
                stream.read(goal - len(stream.body))
            came += stream.messages
        cursor = came[-1].id if came else cursor
        stream = resumed(session, cursor)
    with stream:
        while not any(event.number == count for event in [*came[-1:], *stream.messages[-1:]]):
            stream.read()
        came += stream.messages
    whole(came, count)


def law_3_a_hundred_cuts_at_full_speed(port: int) -> None:
    cut_again_and_again(port, count=10_000, interval=0, cuts=100)


def law_3_a_hundred_cuts_of_a_live_tail(port: int) -> None:
    cut_again_and_again(port, count=1000, interval=0.001, cuts=100)


def law_4_two_sessions(port: int) -> None:
    """The same calls at the same time, and each session has its own messages only."""
    one, two = Session(port), Session(port)
    (stream_one, start_one), (stream_two, start_two) = opened(one), opened(two)
    stream_one.cut()
    stream_two.cut()
    one.call(3, 0)
    two.call(5, 0)
    for session, start, count in ((one, start_one, 3), (two, start_two, 5)):
        with resumed(session, start) as stream:
            stream.read_messages(count)
            session.call(1, 0)
            assert [event.number for event in stream.read_messages(count + 1)] == [*range(1, count + 1), 1], (
                "foreign-session: messages of another session are replayed"
            )
    with one.listen(start_two) as stream:
        assert stream.status == 400, f"foreign-session: another session's id is answered with {stream.status}"


def law_5_a_cut_is_not_a_cancel(port: int, count: int = 20) -> None:
    """Nobody is connected while the tool is at work, and it ends its work, once."""
    session = Session(port)
    stream, start = opened(session)
    session.call(count, 0.005)
    stream.cut()
    with resumed(session, start) as stream:
        stream.read_messages(count)
        session.call(1, 0)
        assert [event.number for event in stream.read_messages(count + 1)] == [*range(1, count + 1), 1], (
            "ran-twice"
        )


def law_6_it_ends(port: int) -> None:
    """A standing stream has no response to end after: it ends with its session."""
    session = Session(port)
    stream, start = opened(session)
    with stream:
        assert session.delete() == 204
        stream.read_all()
    for attempt in (None, start):
        with session.listen(attempt) as refused:
            assert refused.status == 404, refused.status
            assert "initialize" in refused.json()["error"]["message"]
    assert session.delete() == 404


def law_7_said_aloud(port: int) -> None:
    """Whatever is not an id of this session is refused, and the refusal says what to do."""
    session = Session(port)
    stream, start = opened(session)
    with stream:
        session.call(2, 0)
        stream.read_messages(2)
    name = start.partition("-")[0]
    never = [
        f"{name}-3",
        f"{name}-01",
        f"{name}--1",
        f"{name}-{'9' * 40}",
        f"{name}-\xb2",
        f"{name}-1 2",
        f"{name}-",
    ]
    for event_id in [*never, "0", "-1", "!", "", name, f"{name[::-1]}x-1", f" {name}", "a" * 4000]:
        with session.listen(event_id) as refused:
            assert refused.status == 400, f"silent: {event_id[:50]!r} is answered with {refused.status}"
            error = refused.json()["error"]
            assert "Last-Event-ID" in error["message"], error


LAWS = (
    law_2_cut_at_every_byte,
    law_2_nothing_missed,
    law_3_a_hundred_cuts_at_full_speed,
    law_3_a_hundred_cuts_of_a_live_tail,
    law_4_two_sessions,
    law_5_a_cut_is_not_a_cancel,
    law_6_it_ends,
    law_7_said_aloud,
)
