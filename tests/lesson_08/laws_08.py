"""The laws as functions of a port, for any server that has lesson 08's tool and answers calls with streams.

They are held against the lesson's server, which keeps them, and against servers that do not. The verdict
comes first in what an assertion says. ROOM is what a server has to be started with.
"""

import random

from wire_08 import Event, Session, answer, events, numbers, read_events, read_to_the_end, resumed

from wire import Exchange

KEPT = 2000
ROOM = ("--max-events", str(KEPT), "--retry", "20")


def whole(found: list[Event], count: int, caller: str = "ada") -> None:
    """The verdict on what came of a call, held against what an uncut run brings."""
    came = numbers(found)
    strangers = {event.said["caller"] for event in found if '"method"' in event.data} - {caller}
    assert not strangers, f"foreign-session: notifications of {strangers}"
    missing = sorted(set(range(1, count + 1)) - set(came))
    assert not missing, f"lost {len(missing)}, the first {missing[:5]}"
    assert len(came) == count, f"doubled {len(came) - count}"
    assert came == sorted(came), "moved"
    said = answer(found)["content"][0]["text"]
    assert said == f"{count} notifications were sent for {caller}.", f"foreign-session: {said}"


def law_1_an_id_before_the_first_message(port: int) -> None:
    """A connection that is lost before anything has come of it is resumed, on either kind of stream."""
    session = Session(port)
    with session.listen() as standing:
        cursor = read_events(standing, 1)[0].id
    with session.call(3, 0.01) as called:
        first = read_events(called, 1)[0]
    assert not first.data, "lost: no priming event"
    with resumed(session, first.id) as once_more:
        assert read_events(once_more, 1)[0].id == first.id, "lost: no cursor on the resumed stream"
    with resumed(session, first.id) as again:
        whole(read_to_the_end(again), 3)
    with session.call(3, 0.01, request_id=3) as called:
        had = read_events(called, 2)
    with resumed(session, had[-1].id) as again:
        whole(had + read_to_the_end(again), 3)
    with resumed(session, cursor) as standing:
        assert [event.said["stream"] for event in read_events(standing, 3)[1:]] == ["standing"] * 2, "lost"


def law_2_cut_at_every_byte(port: int, count: int = 2) -> None:
    """Live and replayed, and inside an event, too."""
    session = Session(port)
    with session.call(count, 0) as called:
        uncut = read_to_the_end(called)
        length = len(called.body)
    whole(uncut, count)
    for position in range(0, length, 7):
        with resumed(session, uncut[0].id) as first:
            while len(first.body) < position and not first.ended:
                first.read(position - len(first.body))
            had = events(first)
            first.cut(reset=position % 2 == 0)
        with resumed(session, had[-1].id if had else uncut[0].id) as second:
            whole(had + read_to_the_end(second), count)


def law_2_the_standing_stream(port: int) -> None:
    """What comes before anybody listens is kept, what was sent is not sent again, and not to two readers."""
    session = Session(port)
    for request_id in (2, 3):
        with session.call(1, 0, request_id=request_id) as called:
            read_to_the_end(called)
    with session.listen() as standing:
        came = read_events(standing, 3)
        assert len(numbers(came)) == 2, "lost"
        with session.listen() as another, resumed(session, came[-1].id) as third:
            with session.call(1, 0, request_id=4) as called:
                read_to_the_end(called)
            assert len(numbers(read_events(third, 2))) == 1, "lost"
            assert numbers(read_events(another, 2)) == [], "doubled"
            assert len(numbers(read_to_the_end(standing))) == 2, "doubled"
    with session.listen() as afresh, session.call(2, 0, request_id=5) as called:
        read_to_the_end(called)
        assert [event.said["of"] for event in read_events(afresh, 2)[1:]] == [2], "doubled"


def law_3_cut_again_and_again(port: int, count: int = 1000, interval: float = 0.001, cuts: int = 80) -> None:
    dice = random.Random(8)  # noqa: S311 (the same cuts each time)
    session = Session(port)
    stream = session.call(count, interval)
    came: list[Event] = []
    while not is_over(came) and cuts:
        with stream:
            goal = len(stream.body) + dice.randrange(2 * count * 280 // cuts)
            while (len(stream.body) < goal or not (came or events(stream))) and not stream.ended:
                read_more(stream, max(1, goal - len(stream.body)))
                if is_over(events(stream)):
                    break
            came += events(stream)
        if not is_over(came):
            stream = resumed(session, came[-1].id)
        cuts -= 1
    with stream:
        came += [] if is_over(came) else until_answered(stream)
    whole(came, count)


def is_over(found: list[Event]) -> bool:
    return bool(found) and '"result"' in found[-1].data


def law_3_a_replay_while_events_come(port: int) -> None:
    session = Session(port)
    with session.call(1000, 0.001) as called:
        had = read_events(called, 1)
    for _ in range(4):
        with resumed(session, had[0].id) as again:
            read_events(again, 100)
    with resumed(session, had[0].id) as again:
        whole(read_to_the_end(again), 1000)


def until_answered(stream: Exchange) -> list[Event]:
    while not is_over(events(stream)) and not stream.ended:
        read_more(stream)
    return events(stream)


def read_more(stream: Exchange, most: int = 65536) -> None:
    stream.read(most)
    said = bytes(stream.body).split(b"\r\n\r\n")[-3:-1]
    assert len(said) < 2 or not all(line.startswith(b": ping") for line in said), "lost: nothing but pings"


def law_4_sessions_with_the_same_ids(port: int) -> None:
    """Two clients, whose calls bear the same JSON-RPC id, at the same time, cut and resumed."""
    one, two = Session(port), Session(port)
    with one.call(8, 0.03, "ada") as first, two.call(8, 0.03, "bob") as second:
        had = {"ada": read_events(first, 2), "bob": read_events(second, 2)}
    for session, caller in ((one, "ada"), (two, "bob")):
        with resumed(session, had[caller][-1].id) as again:
            whole(had[caller] + until_answered(again), 8, caller)
    with one.listen(had["bob"][-1].id) as refused:
        assert refused.status == 400, f"silent: another session's id is answered with {refused.status}"


def law_4_own_stream(port: int) -> None:
    """Two calls in one session; and a JSON-RPC id that is used again is another stream."""
    session = Session(port)
    with session.call(4, 0.03, "ada", 2) as first, session.call(4, 0.03, "bob", 3) as second:
        mine = read_events(first, 2)
        theirs = read_events(second, 2)
    for had, caller in ((mine, "ada"), (theirs, "bob")):
        with resumed(session, had[-1].id) as again:
            rest = read_to_the_end(again)
        assert {event.said["caller"] for event in rest if '"method"' in event.data} <= {caller}, (
            "foreign-stream"
        )
        whole(had + rest, 4, caller)
    with session.call(2, 0, "cyd", 2) as called:
        read_to_the_end(called)
    with resumed(session, mine[-1].id) as again:
        found = read_to_the_end(again)
        assert '"cyd"' not in str(found), "foreign-stream: of another call with the same JSON-RPC id"


def law_5_a_cut_is_not_a_cancel(port: int) -> None:
    session = Session(port)
    with session.listen() as standing:
        read_events(standing, 1)
        with session.call(10, 0.01) as called:
            had = read_events(called, 1)
        assert len(numbers(read_events(standing, 2))) == 1, "cancelled"
        with resumed(session, had[-1].id) as again:
            whole(had + read_to_the_end(again), 10)


def law_6_it_ends(port: int) -> None:
    """After the response, live and replayed; and all of a session's streams when it is deleted."""
    session = Session(port)
    with session.call(2, 0) as called:
        found = to_the_end(called)
    for event in (found[0], found[-1]):
        with resumed(session, event.id) as again:
            to_the_end(again)
    with (
        session.listen() as older,
        session.listen() as standing,
        session.call(2, 20, request_id=3) as called,
    ):
        to_the_end(older)
        cursor = read_events(called, 1)[0].id
        with resumed(session, cursor) as reading:
            read_events(reading, 1)
            assert session.delete() == 200
            for stream in (standing, reading, called):
                to_the_end(stream)
    with session.listen(cursor) as refused:
        assert refused.status == 404, f"silent: a deleted session is answered with {refused.status}"
        assert "initialize" in refused.json()["error"]["message"]


def to_the_end(stream: Exchange) -> list[Event]:
    try:
        return read_to_the_end(stream)
    except AssertionError as error:
        raise AssertionError(f"endless: {error}") from None


def law_7_said_aloud(port: int) -> None:
    """Whatever is not an id of this session is refused, and the refusal says what to do."""
    session, other = Session(port), Session(port)
    with session.call(1, 0) as called, other.call(1, 0) as theirs:
        last, foreign = read_to_the_end(called)[-1].id, read_to_the_end(theirs)[-1].id
    name, stream, place = (*last.split("-"), "", "")[:3]
    strange = [foreign, "", "0", "-1", "!", "none", name, f"{name}-{stream}", f"{name}-{stream}-99"]
    strange += [f"{name}-{stream}-0{place}", f"{name}-9-1", f"{name}-{stream}-{'9' * 40}", "x" * 5000]
    strange += ["\xff\xfe", f"{name}-{stream}-\xb2", f"{name}-{stream}--1", f"{last} 1"]
    for event_id in strange:
        with session.listen(event_id) as refused:
            assert refused.status == 400, f"silent: {event_id[:50]!r} is answered with {refused.status}"
            assert "again" in refused.json()["error"]["message"]


def law_8_bounded(port: int, kept: int = KEPT) -> None:
    """An evicted id is refused as such, and one of a stream of which nothing was evicted is not."""
    session = Session(port)
    with session.listen() as standing:
        opening = read_events(standing, 1)[0].id
    with session.call(kept, 0) as called:
        found = read_to_the_end(called)
    with session.listen(found[0].id) as refused:
        if refused.status != 410:
            came = numbers(read_to_the_end(refused))
            verdict = "unbounded: all" if len(came) == kept else "silent:"
            raise AssertionError(f"{verdict} {len(came)} messages, for an id of {kept} events ago")
        assert refused.json()["error"]["code"] == -32003
    with resumed(session, found[10].id) as again:
        came = numbers(read_to_the_end(again))
        assert came == numbers(found[11:]), f"lost {len(found[11:]) - len(came)}"
    with resumed(session, opening) as standing:
        assert len(numbers(read_events(standing, 2))) == 1, "lost"


LAWS = (
    law_1_an_id_before_the_first_message,
    law_2_cut_at_every_byte,
    law_2_the_standing_stream,
    law_3_cut_again_and_again,
    law_3_a_replay_while_events_come,
    law_4_sessions_with_the_same_ids,
    law_4_own_stream,
    law_5_a_cut_is_not_a_cancel,
    law_6_it_ends,
    law_7_said_aloud,
    law_8_bounded,
)
