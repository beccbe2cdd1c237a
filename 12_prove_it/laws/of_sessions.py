"""Law 4: a stream is its own session's, a message is its own stream's, and nobody else's."""

import asyncio
import json
import math
from collections.abc import Sequence
from itertools import pairwise, takewhile

from laboratory.judging import must_be_whole
from laboratory.lab import Lab, leave
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laboratory.play import Play
from laboratory.session import Session
from laboratory.stream import Stream
from laboratory.wire import Cut
from laws.law import Case, Weight, broken, events_at_home, law, replayed, whole_run

NOT_ANOTHERS = "Resumability: the server MUST NOT replay messages of a different stream"
FOREIGN = (Verdict.FOREIGN_STREAM, Verdict.FOREIGN_SESSION)
IDS = 12  # session ids to compare
BITS = 60  # of chance in a session id, at least
NEAR = 2**40  # ids that follow one another within this are counted, or taken from a clock


@law(
    4,
    Weight.MUST,
    "Do two sessions whose requests have the same ids keep their messages apart?",
    NOT_ANOTHERS,
    "All clients count their requests from 1: what is kept by that number alone is shown to strangers.",
    Verdict.FOREIGN_SESSION,
    cases=2,
)
async def twins_are_kept_apart(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    twins = [await lab.session(), await lab.session()]
    twins[1].next_id = twins[0].next_id
    cut = {lab.home: [Cut(case.rng.randint(1, max(1, count - 2)))]}
    plays = await asyncio.gather(
        *(lab.play(lab.slow, cut, away=lab.slow.lasts / 2, session=twin) for twin in twins)
    )
    for play in plays:
        must_be_whole(lab, play)


@law(
    4,
    Weight.MUST,
    "Does an id of another session bring that session's messages?",
    NOT_ANOTHERS,
    "Who sees or guesses an id would read a stranger's answers.",
    Verdict.FOREIGN_SESSION,
)
async def no_id_opens_another_session(lab: Lab, case: Case) -> None:
    (own, ours), (other, theirs) = await asyncio.gather(whole_run(lab), whole_run(lab))
    for event_id in sorted({theirs.ids[0], case.rng.choice(theirs.ids), theirs.ids[-1]} - set(ours.ids)):
        must_not_bring(await replayed(own.session, event_id, 1), other, event_id, "another session's id")


@law(
    4,
    Weight.OURS,
    "Is nothing replayed to a request without a session, or in an ended one?",
    "Session management: without a session id SHOULD be answered with 400, in an ended session MUST with 404",
    "Who sees or guesses an event id would read a stranger's answers, without any session.",
    Verdict.FOREIGN_SESSION,
)
async def an_id_needs_its_session(lab: Lab, case: Case) -> None:
    play, stream = await whole_run(lab)
    event_id = stream.ids[0]
    version = {"mcp-protocol-version": play.session.headers["mcp-protocol-version"]}
    nobody = Session(lab.peer, version, 1)
    must_not_bring(await replayed(nobody, event_id, 1), play, event_id, "no session id")
    stranger = Session(lab.peer, version | {"mcp-session-id": "0" * 32}, 1)
    must_not_bring(await replayed(stranger, event_id, 1), play, event_id, "a session id that never was")
    if (await play.session.delete()).status < 400:
        must_not_bring(
            await replayed(play.session, event_id, 1), play, event_id, "the id of its ended session"
        )


def must_not_bring(stream: Stream, other: Play, event_id: str, what: str) -> None:
    theirs = {data for one in other.streams.values() for data in one.data}
    if any(data in theirs or str(other.token) in data for data in stream.data):
        told = f"its messages, for the event id {event_id!r} and {what}"
        raise broken(Verdict.FOREIGN_SESSION, "a refusal", told, "\n".join(stream.data[:5]))


@law(
    4,
    Weight.MUST,
    "Do calls at the same time keep their streams apart?",
    NOT_ANOTHERS,
    "A client that takes another call's messages for its own is misled.",
    *FOREIGN,
    cases=2,
)
async def streams_are_kept_apart(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    if lab.home != "POST":
        raise NotReachedError("all messages of a session come on one stream")
    calls = 8 if case.seed % 2 else 2
    names = ["POST", *(f"POST {n}" for n in range(2, calls + 1))]
    cuts = {name: [Cut(case.rng.randint(1, max(1, count - 2)))] for name in names}
    must_be_whole(lab, await lab.play(lab.slow, cuts, away=lab.slow.lasts / 2, calls=calls))


@law(
    4,
    Weight.MUST,
    "Does each message come on one stream only?",
    "Multiple connections: the server MUST send each message on only one of the connected streams",
    "A client with two streams has each message twice, or has a stranger's.",
    Verdict.DOUBLED,
    Verdict.FOREIGN_STREAM,
    cases=3,
)
async def a_message_has_one_stream(lab: Lab, case: Case) -> None:
    """A standing stream is open beside the call's own, which is cut; or there are two standing streams."""
    count = events_at_home(lab)
    for play in lab.uncut:
        must_not_be_on_both(play)
    if not lab.offers_get:
        raise NotReachedError("the server has no standing stream")
    place = case.rng.randint(1, max(1, count - 2))
    if lab.home == "POST":
        cuts = {"POST": [Cut(place)]} if case.seed % 3 else {}
        must_be_whole(lab, await lab.play(lab.slow, cuts, away=lab.slow.lasts / 2, listen=True))
        return
    session = await lab.session()
    second = Stream(session, "GET")
    reading = asyncio.create_task(second.read(lab.slow.lasts + lab.peer.patience, lambda: False))
    try:
        play = await lab.play(lab.slow, session=session)
    finally:
        reading.cancel()
        await asyncio.wait({reading})
    both = {(event.id, event.data) for event in play.get.events} & {(e.id, e.data) for e in second.events}
    if both:
        told = f"{len(both)} messages on two standing streams of the session"
        raise broken(Verdict.DOUBLED, "each message on one stream only", told, play.get.evidence())


def must_not_be_on_both(play: Play) -> None:
    """A message of the call, by its token or its id, on its own stream and on the standing one."""
    own, standing = (
        {json.dumps(play.post.own(event.data)) for event in stream.events} for stream in (play.post, play.get)
    )
    if both := {data for data in own & standing if "(its " in data}:
        told = f"{len(both)} of its messages on the call's own stream and on the standing one"
        raise broken(Verdict.DOUBLED, "each message on one stream only", told, play.get.evidence())


def shared(texts: Sequence[str]) -> int:
    """How many letters all of them begin with."""
    return sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False)))


@law(
    4,
    Weight.MUST,
    "Are session ids hard to guess?",
    "Session management: SHOULD be cryptographically secure; best practices: MUST NOT be deterministic",
    "Who guesses one reads all that the session is told, and calls its tools.",
    Verdict.OPEN_DOOR,
)
async def session_ids_are_hard_to_guess(lab: Lab, case: Case) -> None:
    while len(lab.peer.session_ids) < IDS:
        await lab.session()
        await leave()  # a server may give few at a time
    ids = lab.peer.session_ids[-200:]
    if len(set(ids)) < len(ids):
        raise broken(Verdict.OPEN_DOOR, "an id of its own for each session", "the same id for two sessions")
    before = shared(ids)
    after = shared([one[before:][::-1] for one in ids])
    parts = [one[before : len(one) - after] for one in ids]
    letters = len(set("".join(parts)))
    bits = min(map(len, parts)) * math.log2(max(2, letters))
    if bits < BITS:
        told = f"ids that differ in {max(map(len, parts))} characters, such as {before * '.'}{parts[-1]}"
        raise broken(Verdict.OPEN_DOOR, f"at least {BITS} bits of chance", told, "\n".join(parts[-5:]))
    if all(part.isalnum() and part.isascii() for part in parts):
        numbers = [int(part, 36) for part in parts]
        steps = [abs(b - a) for a, b in pairwise(numbers)]
        if max(steps) < NEAR:
            told = f"ids that follow one another: steps of at most {max(steps)}"
            raise broken(
                Verdict.OPEN_DOOR, "ids that say nothing of the next one", told, "\n".join(parts[-5:])
            )
