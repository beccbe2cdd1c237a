"""Laws 5 and 6: a cut cancels nothing and begins nothing anew, and a stream ends."""

import asyncio

from laboratory.judging import must_be_whole
from laboratory.lab import Lab
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laboratory.stream import End, Stream
from laboratory.survey import survey_long
from laboratory.wire import Cut, How
from laws.law import Case, Weight, broken, events_at_home, in_time, law, resumed

SOME_SECONDS = 4.0

# --- 5. A cut is not a cancel


NOT_A_CANCEL = (
    "Sending messages: disconnection SHOULD NOT be interpreted as the client cancelling its request"
)


@law(
    5,
    Weight.OURS,
    "Does the tool run on while nobody is connected, and only once?",
    NOT_A_CANCEL,
    "Work is lost, or paid for twice.",
    Verdict.CANCELLED,
    Verdict.RAN_TWICE,
    cases=3,
)
async def the_tool_runs_on_and_once(lab: Lab, case: Case) -> None:
    count, how = events_at_home(lab), list(How)[case.seed % 3]
    early = Cut(min(2, count - 1), 0, how)
    cuts = {lab.home: [early, Cut(1)]}
    await in_time(lab, lambda: lab.play(lab.slow, cuts, away=lab.slow.lasts + 0.2), 0)


@law(
    5,
    Weight.OURS,
    "Does it run on for seconds while nobody is connected?",
    NOT_A_CANCEL,
    "Some servers stop a tool only a while after its client has gone.",
    Verdict.CANCELLED,
    Verdict.RAN_TWICE,
    cases=2,
)
async def it_runs_on_for_seconds(lab: Lab, case: Case) -> None:
    events_at_home(lab)
    await survey_long(lab)
    if lab.long.lasts < SOME_SECONDS:
        raise NotReachedError(
            f"the tool is done after {lab.long.lasts:.1f} s: give --long-args for {SOME_SECONDS:g} s or more"
        )
    how = list(How)[case.seed % 3]
    play = await lab.play(lab.long, {lab.home: [Cut(2, 0, how)]}, away=lab.long.lasts + 0.5)
    must_be_whole(lab, play)


# --- 6. It ends


@law(
    6,
    Weight.SHOULD,
    "Does a POST's stream end after the response?",
    "Sending messages: after the response has been sent, the server SHOULD terminate the stream",
    "A client cannot tell an open stream from one that has more to say.",
    Verdict.ENDLESS,
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
    Verdict.ENDLESS,
    Verdict.HUNG,
    cases=2,
)
async def a_resumed_stream_ends(lab: Lab, case: Case) -> None:
    if lab.home != "POST":
        raise NotReachedError("POSTs are not answered by streams, and a standing stream does not end")
    place = case.rng.randint(1, events_at_home(lab) - 1)
    play = await lab.play(lab.slow, {"POST": [Cut(place)]}, away=lab.slow.lasts + 0.3)
    must_be_whole(lab, play)
    if not play.post.ids:
        raise NotReachedError("the stream was lost before its first id came")
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
    Verdict.ENDLESS,
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
