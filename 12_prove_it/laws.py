"""The laws of streams, 1 to 6: each a question that either holds or raises BrokenError."""

import asyncio

from lab import BrokenError, Lab, NotReachedError, Play
from law import Case, Weight, broken, events_at_home, home, law, resumed
from oracle import Verdict
from session import End, Stream
from wire import Cut, How

HUNDRED = 100


# --- 1. Stored, then sent


@law(
    1,
    Weight.OURS,
    "Has every message an id?",
    "Resumability: servers MAY attach an id to an event",
    "A message without an id cannot be asked for again.",
)
async def every_message_has_an_id(lab: Lab, case: Case) -> None:
    for play in lab.uncut:
        stream = home(lab, play)
        if bare := [event for event in stream.events if not event.id]:
            came = f"{len(bare)} of {len(stream.events)} messages without one"
            raise broken(Verdict.LOST, "an id with each message", came, stream.evidence())


@law(
    1,
    Weight.MUST,
    "Is each id of a session given once only?",
    "Resumability: the id MUST be globally unique across all streams within that session",
    "An id that is given twice is a cursor into the wrong place.",
)
async def ids_are_unique(lab: Lab, case: Case) -> None:
    for play in lab.uncut:
        ids = play.post.ids + play.get.ids
        if twice := [one for one in set(ids) if ids.count(one) > 1]:
            came = f"{len(twice)} given more than once, such as {twice[0]!r}"
            raise broken(Verdict.MOVED, "each id once", came, home(lab, play).evidence())


@law(
    1,
    Weight.SHOULD,
    "Does a POST's stream begin with a priming event?",
    "Sending messages: the server SHOULD immediately send an event with an id and an empty data field",
    "A connection that is lost before the first message cannot be resumed without it.",
)
async def a_priming_event_comes_first(lab: Lab, case: Case) -> None:
    play = lab.uncut[0]
    if lab.home != "POST" or play.session.headers["mcp-protocol-version"] < "2025-11-25":
        raise NotReachedError("POSTs are not answered by streams of 2025-11-25")
    if "POST" not in lab.primes:
        raise broken(Verdict.LOST, "an id before the first message", "none", play.post.evidence())


@law(
    1,
    Weight.OURS,
    "Can a stream be resumed the moment that an id has come?",
    "Resumability: the client SHOULD issue a GET with Last-Event-ID; when is not said",
    "A client may be quicker than the server's bookkeeping.",
    cases=2,
)
async def an_id_is_known_at_once(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    cuts = [Cut(case.rng.randint(1, count - 1)), Cut(1), Cut(1)]
    lab.must_be_whole(await lab.play(lab.slow, {lab.home: cuts}, hasty=True))


# --- 2. Whole


@law(
    2,
    Weight.OURS,
    "Wherever the connection is cut, is the whole what an uncut run gives?",
    "Resumability: the server MAY replay the messages that would have been sent after the last event id",
    "This is what resumption is for.",
    cases=18,
)
async def the_whole_is_the_same(lab: Lab, case: Case) -> None:
    """Seeds that follow one another go through the places and the ways of cutting; the rest is chance."""
    rng, count = case.rng, events_at_home(lab)
    place = case.seed % (count + 1)
    if lab.home == "POST" or "GET" not in lab.primes:
        place = max(1, place)  # what is lost before its first id has no cursor, whatever the server does
    how = list(How)[case.seed % 3]
    inside = rng.choice((0, 1, rng.randint(2, 250)))
    more = [
        Cut(rng.randint(0, 2), rng.randint(0, 80), rng.choice(list(How)))
        for _ in range(rng.choice((0, 0, 1, 2)))
    ]
    away = rng.choice((0.0, 0.0, lab.slow.lasts / 2, lab.slow.lasts + 0.2))
    hasty = place == count or rng.random() < 0.25  # after the last message there is nothing to wait for
    cuts = [Cut(place, inside, how), *more]
    lab.must_be_whole(await lab.play(lab.slow, {lab.home: cuts}, away=away, hasty=hasty))


# --- 3. One seam


@law(
    3,
    Weight.OURS,
    "Are backlog and live tail one sequence, when messages come fast and connections go often?",
    "Resumability: replay, and resume the stream from that point",
    "Between replay and live tail is where servers lose messages.",
    cases=2,
    heavy=True,
)
async def a_hundred_cuts_in_a_fast_stream(lab: Lab, case: Case) -> None:
    rng, count = case.rng, events_at_home(lab, fast=True)
    number = min(HUNDRED, 1 + count // 4)
    step = max(1, 2 * count // number)
    ways = (How.FIN,) * 5 + (How.RST,) * 4 + (How.SILENCE,)
    cuts = [
        Cut(1 + rng.randrange(step), rng.choice((0, rng.randint(1, 99))), rng.choice(ways))
        for _ in range(number)
    ]
    lab.must_be_whole(await lab.play(lab.fast, {lab.home: cuts}, hasty=True))


# --- 4. Own stream, own session


@law(
    4,
    Weight.MUST,
    "Do two sessions whose requests have the same ids keep their messages apart?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "All clients count their requests from 1: what is kept by that number alone is shown to strangers.",
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
        must_be_its_own(lab, play)


def must_be_its_own(lab: Lab, play: Play) -> None:
    """Nothing may come that is another's; what does not come is the matter of other laws."""
    try:
        lab.must_be_whole(play)
    except BrokenError as error:
        if error.fault.verdict in (Verdict.LOST, Verdict.CANCELLED, Verdict.DEAF, Verdict.HUNG):
            raise NotReachedError(
                f"not all of it came: {error.fault.verdict}, another law's matter"
            ) from None
        raise


@law(
    4,
    Weight.MUST,
    "Does an id of another session bring that session's messages?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "Who sees or guesses an id would read a stranger's answers.",
)
async def no_id_opens_another_session(lab: Lab, case: Case) -> None:
    events_at_home(lab)
    own, other = await asyncio.gather(lab.play(lab.slow), lab.play(lab.slow))
    theirs = home(lab, other)
    for event_id in {theirs.ids[0], case.rng.choice(theirs.ids), theirs.ids[-1]} - set(home(lab, own).ids):
        stream = await resumed(own.session, event_id)
        if any(data in theirs.data or other.token in data for data in stream.data):
            raise broken(
                Verdict.FOREIGN_SESSION,
                "a refusal",
                f"its messages, for {event_id!r}",
                "\n".join(stream.data),
            )


@law(
    4,
    Weight.MUST,
    "Do two calls at the same time keep their streams apart?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "A client that takes another call's messages for its own is misled.",
    cases=2,
)
async def streams_are_kept_apart(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    if lab.home != "POST":
        raise NotReachedError("all messages of a session come on one stream")
    session = await lab.session()
    cuts = [{"POST": [Cut(case.rng.randint(1, max(1, count - 2)))]} for _ in range(2)]
    away = lab.slow.lasts / 2
    for play in await asyncio.gather(*(lab.play(lab.slow, cut, away=away, session=session) for cut in cuts)):
        must_be_its_own(lab, play)


# --- 5. A cut is not a cancel


@law(
    5,
    Weight.OURS,
    "Does the tool run on while nobody is connected, and only once?",
    "Sending messages: disconnection SHOULD NOT be interpreted as the client cancelling its request",
    "Work is lost, or paid for twice.",
    cases=3,
)
async def the_tool_runs_on_and_once(lab: Lab, case: Case) -> None:
    count, how = events_at_home(lab), list(How)[case.seed % 3]
    early = Cut(min(2, count - 1), 0, how)
    play = await lab.play(lab.slow, {lab.home: [early, Cut(1)]}, away=lab.slow.lasts + 0.2)
    try:
        lab.must_be_whole(play)
    except BrokenError as error:
        if error.fault.verdict in (Verdict.CANCELLED, Verdict.RAN_TWICE):
            raise
        raise NotReachedError(f"it cannot be seen: {error.fault.verdict}, another law's matter") from None


# --- 6. It ends


@law(
    6,
    Weight.SHOULD,
    "Does a POST's stream end after the response?",
    "Sending messages: after the response has been sent, the server SHOULD terminate the stream",
    "A client cannot tell an open stream from one that has more to say.",
)
async def a_live_stream_ends(lab: Lab, case: Case) -> None:
    if lab.home != "POST":
        raise NotReachedError("POSTs are not answered by streams, and a standing stream does not end")
    for play in lab.uncut:
        must_have_ended(play.post)


@law(
    6,
    Weight.OURS,
    "Does it end when it was resumed after the tool had ended?",
    "Silent; the clause for live streams, read on",
    "Every client that was away keeps a connection for ever.",
    cases=2,
)
async def a_resumed_stream_ends(lab: Lab, case: Case) -> None:
    if lab.home != "POST":
        raise NotReachedError("POSTs are not answered by streams, and a standing stream does not end")
    place = case.rng.randint(1, events_at_home(lab) - 1)
    play = await lab.play(lab.slow, {"POST": [Cut(place)]}, away=lab.slow.lasts + 0.3)
    if play.post.response is None:
        raise NotReachedError("the response did not come, which is another law's matter")
    must_have_ended(play.post)
    last = await resumed(play.session, play.post.ids[-1], lab.peer.patience)
    if last.events and play.post.events[-1].id == play.post.ids[-1]:
        raise broken(
            Verdict.DOUBLED, "nothing after the last id", f"{len(last.events)} messages", last.data[0]
        )
    if last.ends[0] in (End.QUIET, End.HUNG):
        verdict = Verdict.HUNG if last.ends[0] is End.HUNG else Verdict.ENDLESS
        raise broken(
            verdict, "an end, or a refusal", last.ends[0].value, f"Last-Event-ID: {play.post.ids[-1]}"
        )


def must_have_ended(stream: Stream) -> None:
    if stream.response and stream.ends[-1] is End.QUIET:
        raise broken(
            Verdict.ENDLESS, "the end of the stream after the response", End.QUIET.value, stream.evidence()
        )


@law(
    6,
    Weight.OURS,
    "Does the standing stream end when its session is deleted?",
    "Session management: the server responds with 404 from then on; of open streams nothing is said",
    "A listener waits for what can never come.",
)
async def a_deleted_session_ends_its_stream(lab: Lab, case: Case) -> None:
    session = await lab.session()
    stream = Stream(session, "GET")
    reading = asyncio.create_task(stream.read(lab.peer.patience, lambda: False))
    standing = asyncio.create_task(stream.stands.wait())
    await asyncio.wait({reading, standing}, return_when=asyncio.FIRST_COMPLETED)
    standing.cancel()
    answer = await session.delete()
    end = await reading
    if end is End.REFUSED or answer.status >= 400:
        raise NotReachedError("the server has no standing stream, or no DELETE")
    if end is End.QUIET:
        raise broken(Verdict.ENDLESS, "the end of the stream", f"none in {lab.peer.patience:g} s", answer)
