"""Laws as functions of a port, for any server that has lesson 09's tool.

For law 7 it has to keep 40 events, or 1 s of them.

They are held against the lesson's server, which keeps them, and against copies of it that do not.
"""

import json
import random
import re
import secrets
import time
from collections.abc import Sequence
from typing import Any

from wire import Event, Exchange, Session

KEY = "example.com/idempotency-key"


def called(session: Session, steps: int, seconds: float, key: str | None = None) -> Exchange:
    """A build's own stream, with its priming event."""
    meta = {"progressToken": "t"} | ({KEY: key} if key else {})
    params = {"name": "build_project", "arguments": {"steps": steps, "seconds": seconds}, "_meta": meta}
    stream = session.post("tools/call", params)
    assert stream.status == 200, stream.read_all()
    while not stream.events and not stream.ended:
        stream.read()
    return stream


def resumed(session: Session, cursor: str) -> Exchange:
    stream = session.listen(cursor)
    if stream.status != 200:
        with stream:
            raise AssertionError(f"lost: what follows {cursor} is refused: {stream.read_all()!r}")
    return stream


def shown(event: Event) -> str:
    match json.loads(event.data):
        case {"method": "notifications/progress", "params": {"progress": step}}:
            return f"progress {step}"
        case {"method": "notifications/message", "params": {"data": {"step": step}}}:
            return f"log {step}"
        case {"result": {"structuredContent": {"steps": steps}}}:
            return f"result of {steps}"
        case other:
            return json.dumps(other)


def build_of(events: Sequence[Event]) -> str:
    """Which build the result is of."""
    result: dict[str, Any] = json.loads(events[-1].data)
    assert "result" in result, f"lost: no result, but {result}"
    return result["result"]["structuredContent"]["build"]


def uncut(steps: int) -> list[str]:
    messages = [f"{what} {step}" for step in range(1, steps + 1) for what in ("log", "progress")]
    return [*messages, f"result of {steps}"]


def whole(came: Sequence[Event], steps: int) -> None:
    """The verdict on what came, held against what an uncut run brings."""
    labels, due = [shown(event) for event in came], uncut(steps)
    missing = [label for label in due if label not in labels]
    assert not missing, f"lost {len(missing)}, the first {missing[:3]}"
    assert len(set(labels)) == len(labels), "doubled"
    assert set(labels) == set(due), "foreign-stream"
    assert labels == due, "moved"


def law_2_cut_at_every_seventh_byte(port: int) -> None:
    """The POST's stream too: it is cut while the build works, and a resumed one after each few bytes."""
    session = Session(port)
    stream = called(session, 3, 0.03)
    start = stream.events[0].id
    stream.cut()
    with resumed(session, start) as complete:
        complete.read_all()
        whole(complete.messages, 3)
    for position in range(0, len(complete.body), 7):
        with resumed(session, start) as first:
            while len(first.body) < position:
                first.read(position - len(first.body))
            had = first.messages
            first.cut(reset=position % 2 == 0)
        if position > len(complete.body) - 7:
            continue
        with resumed(session, had[-1].id if had else start) as second:
            second.read_all()
            whole(had + second.messages, 3)


def law_3_a_hundred_cuts_of_a_live_tail(port: int, steps: int = 600) -> None:
    dice = random.Random(3)  # noqa: S311 (the same cuts each time)
    session = Session(port)
    stream = called(session, steps, 1.2)
    cursor, came = stream.events[0].id, list[Event]()
    for _ in range(100):
        with stream:
            goal = len(stream.body) + dice.randrange(2 * steps * 400 // 100)
            while len(stream.body) < goal and not stream.ended:
                stream.read(goal - len(stream.body))
            came += stream.messages
        if came and shown(came[-1]).startswith("result"):
            break
        cursor = came[-1].id if came else cursor
        stream = resumed(session, cursor)
    with stream:
        stream.read_all()
        if not (came and shown(came[-1]).startswith("result")):
            came += stream.messages
    whole(came, steps)


def law_4_own_stream_own_session(port: int) -> None:
    """Two builds of one session at the same time, and one of another session."""
    one, two = Session(port), Session(port)
    streams = [called(one, 5, 0.2), called(one, 6, 0.2), called(two, 7, 0.2)]
    cursors = [stream.events[0].id for stream in streams]
    for stream in streams:
        stream.cut()
    time.sleep(0.05)  # some of it shall be missed, whatever that is
    for session, cursor, steps in zip((one, one, two), cursors, (5, 6, 7), strict=True):
        with resumed(session, cursor) as stream:
            stream.read_all()
            whole(stream.messages, steps)
    with one.listen(cursors[2]) as refused:
        assert refused.status == 400, (
            f"foreign-session: another session's id is answered with {refused.status}"
        )


def law_5_a_cut_is_not_a_cancel(port: int) -> None:
    session = Session(port)
    stream = called(session, 10, 0.3)
    start = stream.events[0].id
    stream.cut()
    with resumed(session, start) as again:
        again.read_all()
        whole(again.messages, 10)


def law_5_runs_once(port: int) -> None:
    """Called again with its key, running or finished, in its session or another: it is the one build."""
    key, session = secrets.token_hex(8), Session(port)
    first = called(session, 8, 0.4, key)
    again = called(session, 8, 0.4, key)
    elsewhere = called(Session(port), 8, 0.4, key)
    builds: set[str] = set()
    for stream in (first, again, elsewhere):
        with stream:
            stream.read_all()
            builds.add(build_of(stream.messages))
    with called(Session(port), 8, 0.4, key) as finished:
        finished.read_all()
        builds.add(build_of(finished.messages))
        only_the_result = [shown(event) for event in finished.messages] == ["result of 8"]
    assert len(builds) == 1, f"ran-twice: {len(builds)} builds for one key"
    assert only_the_result, "doubled: a finished build is told again"


def law_6_it_ends(port: int) -> None:
    """Live, replayed, and after its last id: a stream that is over ends."""
    session = Session(port)
    with called(session, 2, 0) as live:
        live.read_all()
    for cursor in (live.events[0].id, live.events[-1].id):
        with resumed(session, cursor) as replayed:
            replayed.read_all()
    standing = session.listen()
    with standing:
        assert session.delete() == 204
        standing.read_all()
    with session.listen(live.events[0].id) as refused:
        assert refused.status == 404


def law_7_not_issued(port: int) -> None:
    session = Session(port)
    with called(session, 1, 0) as stream:
        stream.read_all()
    last = stream.events[-1].id
    name = last.rpartition("-")[0]
    token = name.partition("-")[0]
    never = [f"{name}-{n}" for n in ("4", "01", "-1", "9" * 40, "\xb2", "1 2", "")]
    never += [f"{token}-{n}-1" for n in ("0", "9", "-1", "")] + [token, "0", "-1", "!", "", "a" * 4000]
    for event_id in never:
        with session.listen(event_id) as refused:
            assert refused.status == 400, f"silent: {event_id[:50]!r} is answered with {refused.status}"
            assert "Last-Event-ID" in refused.json()["error"]["message"]


def gone(session: Session, cursor: str) -> dict[str, Any]:
    """The data of the refusal that an evicted cursor gets, which says how to go on."""
    with session.listen(cursor) as refused:
        assert refused.status == 410, f"silent: {cursor}, evicted, is answered with {refused.status}"
        error = refused.json()["error"]
        assert KEY in error["message"]
        return error["data"]


def law_7_evicted_by_number(port: int) -> None:
    """40 events are kept: of a build's 61, the last 40."""
    session = Session(port)
    with called(session, 30, 0) as stream:
        stream.read_all()
    ids = [event.id for event in stream.events]
    assert gone(session, ids[0]) == gone(session, ids[20]) == {"oldest": ids[22], "cursor": ids[21]}
    with resumed(session, ids[21]) as rest:
        rest.read_all()
        assert [event.id for event in rest.events] == ids[22:]
    with called(session, 30, 0) as other:
        other.read_all()
    assert gone(session, ids[60]) == {"oldest": None, "cursor": None}


def law_7_evicted_by_age(port: int) -> None:
    """An event is kept for 1 s, and who has missed nothing is not refused, however long ago that was."""
    session = Session(port)
    with session.listen() as standing:
        while not standing.events:
            standing.read()
    quiet = standing.events[0].id
    with called(session, 2, 0) as stream:
        stream.read_all()
    time.sleep(1.1)  # nothing is recorded meanwhile, and no timer runs
    for event in stream.events:
        assert gone(session, event.id) == {"oldest": None, "cursor": None}
    with resumed(session, quiet) as still:
        assert still.status == 200
    assert re.fullmatch(r"[0-9a-f]{8}-1-0", quiet)


LAWS = (
    law_2_cut_at_every_seventh_byte,
    law_4_own_stream_own_session,
    law_5_a_cut_is_not_a_cancel,
    law_5_runs_once,
    law_6_it_ends,
    law_7_not_issued,
    law_7_evicted_by_number,
)
