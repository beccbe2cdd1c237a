"""Law 1: each message has an id of its own, at once, and an id always names the same message."""

from laboratory.judging import must_be_whole
from laboratory.lab import Lab
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laboratory.session import Session
from laboratory.stream import End, Stream
from laboratory.wire import Cut
from laws.eviction import flooded
from laws.law import WHOLE, Case, Weight, broken, events_at_home, home, law, replayed, whole_run


@law(
    1,
    Weight.OURS,
    "Has every message an id?",
    "Resumability: servers MAY attach an id to an event",
    "A message without an id cannot be asked for again.",
    Verdict.LOST,
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
    Verdict.MOVED,
    heavy=True,
)
async def ids_are_unique(lab: Lab, case: Case) -> None:
    for play in lab.uncut:
        ids = play.post.ids + play.get.ids
        if twice := [one for one in set(ids) if ids.count(one) > 1]:
            came = f"{len(twice)} given more than once, such as {twice[0]!r}"
            raise broken(Verdict.MOVED, "each id once", came, home(lab, play).evidence())
    flood = await flooded(lab)
    if flood.reused:
        event_id, first, second = flood.reused[0]
        came = f"{second[:150]}, among {flood.sent} messages"
        raise broken(Verdict.MOVED, f"under the id {event_id!r} always {first[:150]}", came)


@law(
    1,
    Weight.OURS,
    "Does an id always bring the same messages, byte for byte?",
    "Resumability: the messages that would have been sent after the last event id",
    "A message that changes when it is replayed cannot be trusted.",
    *WHOLE,
    cases=2,
)
async def an_id_brings_the_same_bytes(lab: Lab, case: Case) -> None:
    """A run that nobody cut is asked for again, from some of its ids, and must be what it was."""
    fast = case.seed % 2 == 1
    play, stream = await whole_run(lab, fast=fast)
    places = {0, case.rng.randrange(len(stream.ids) - 1), len(stream.ids) - 2}
    served = [await brings_the_same(play.session, stream, place) for place in sorted(places)]
    if not any(served):
        raise NotReachedError("the ids of a stream that has ended are refused: none can be asked twice")


async def brings_the_same(session: Session, stream: Stream, place: int) -> bool:
    """What followed one of its ids, asked for again, is what it was; False: that is refused."""
    after = set(stream.ids[: place + 1])
    due = [(event.id, event.data) for event in stream.events if event.id and event.id not in after]
    if not due:
        return True
    again = await replayed(session, stream.ids[place], len(due))
    if again.ends[0] is End.REFUSED:
        return False
    came = [(event.id, event.data) for event in again.events]
    if came != due:
        raise broken(verdict(due, came), numbers(due), numbers(came), difference(due, came))
    return True


Pairs = list[tuple[str, str]]


def verdict(due: Pairs, came: Pairs) -> Verdict:
    """Which of the ways in which what came can differ."""
    contents = dict(due)
    if any(contents.get(event_id, data) != data for event_id, data in came):
        return Verdict.CORRUPTED
    if set(came) - set(due):
        return Verdict.CORRUPTED if len(came) <= len(due) else Verdict.DOUBLED
    if len(came) > len(set(came)):
        return Verdict.DOUBLED
    return Verdict.MOVED if len(came) == len(due) else Verdict.LOST


def numbers(pairs: Pairs) -> str:
    return f"{len(pairs)} messages" + (f", the ids {pairs[0][0]} to {pairs[-1][0]}" if pairs else "")


def difference(due: Pairs, came: Pairs) -> str:
    for wanted, got in zip(due, came, strict=False):
        if wanted != got:
            return f"due:  {wanted[0]} {wanted[1][:300]}\ncame: {got[0]} {got[1][:300]}"
    return f"the same up to {came[-1][0] if came else 'none'}, and then no more, or more"


@law(
    1,
    Weight.SHOULD,
    "Does a POST's stream begin with a priming event?",
    "Sending messages: the server SHOULD immediately send an event with an id and an empty data field",
    "A connection that is lost before the first message cannot be resumed without it.",
    Verdict.LOST,
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
    *WHOLE,
    cases=2,
)
async def an_id_is_known_at_once(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    cuts = [Cut(case.rng.randint(1, max(1, count // 3))), *[Cut(1)] * min(8, count // 2)]
    must_be_whole(lab, await lab.play(lab.slow, {lab.home: cuts}, hasty=True))
