"""Laws 4 to 6: a stream is its own session's, is not cancelled when it is cut, and ends."""

import asyncio

from laboratory.lab import BrokenError, Lab, NotReachedError, Play
from laboratory.oracle import Verdict
from laboratory.session import End, Stream
from laboratory.wire import Cut, How
from laws.law import Case, Weight, broken, events_at_home, home, law, resumed

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
        play.blind.add("GET")  # the standing stream is the session's, and has what both calls send there
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
