"""Laws 1 to 3: each message has its id, and wherever a stream is cut, the whole is the same."""

from laboratory.lab import Lab, NotReachedError
from laboratory.oracle import Verdict
from laboratory.wire import Cut, How
from laws.law import Case, Weight, broken, events_at_home, home, law

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
