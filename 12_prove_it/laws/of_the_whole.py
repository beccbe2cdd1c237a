"""Laws 2 and 3: wherever a stream is cut, however long one is away, the whole is the same."""

from laboratory.judging import must_be_whole
from laboratory.lab import Lab
from laboratory.outcomes import NotReachedError
from laboratory.play import Play
from laboratory.stream import End
from laboratory.wire import Cut, How
from laws.law import WHOLE, Case, Weight, events_at_home, home, in_time, law, whole_run
from laws.of_ids import brings_the_same

HUNDRED, SOME = 100, 10
LARGE = 30_000  # characters
# Two, three and four bytes each, and what ends a line elsewhere.
LETTERS = "\u00c5\u00e4\u00d6 \u6f22\u5b57 \U0001f642 \u2028\u0085 \r\n\tdata: id: 7 "

# --- 2. Whole


@law(
    2,
    Weight.OURS,
    "Wherever the connection is cut, is the whole what an uncut run gives?",
    "Resumability: the server MAY replay the messages that would have been sent after the last event id",
    "This is what resumption is for.",
    *WHOLE,
    cases=18,
    essential=True,
)
async def the_whole_is_the_same(lab: Lab, case: Case) -> None:
    """Seeds that follow one another go through the places and the ways of cutting; the rest is chance."""
    rng, count = case.rng, events_at_home(lab)
    # A standing stream that is lost before its first id is opened again; a call's own is nobody's to resume.
    first = 0 if lab.home == "GET" and "GET" in lab.primes else 1
    place = max(first, case.seed % (count + 1))
    how = list(How)[case.seed % 3]
    inside = rng.choice((0, 1, rng.randint(2, 250)))
    more = [
        Cut(rng.randint(0, 2), rng.randint(0, 80), rng.choice(list(How)))
        for _ in range(rng.choice((0, 0, 1, 2)))
    ]
    away = rng.choice((0.0, 0.0, lab.slow.lasts / 2, lab.slow.lasts + 0.2))
    hasty = place == count or rng.random() < 0.25  # after the last message there is nothing to wait for
    cuts = [Cut(place, inside, how), *more]
    if case.seed % 4 == 0:  # again and again, while the tool runs
        cuts, away, hasty = [Cut(1 + case.seed % 2, 0, how), Cut(1), Cut(1)], 0.0, True

    async def play() -> Play:
        session = await lab.session(text_ids=case.seed % 2 == 1)
        return await lab.play(lab.slow, {lab.home: cuts}, away=away, hasty=hasty, session=session)

    if case.seed % 4 == 0:
        await in_time(lab, play, 1)
    else:
        must_be_whole(lab, await play())


@law(
    2,
    Weight.OURS,
    "Is it whole when it was cut between its priming event and its first message?",
    "Sending messages: an event with an id and an empty data field, to prime the client to reconnect",
    "A tool that thinks before it speaks is cut just there.",
    *WHOLE,
    cases=2,
)
async def what_follows_the_priming_event_is_whole(lab: Lab, case: Case) -> None:
    events_at_home(lab)
    if lab.home not in lab.primes:
        raise NotReachedError("its streams do not begin with an id of their own")
    how, away = list(How)[case.seed % 3], lab.slow.lasts / 2
    must_be_whole(lab, await lab.play(lab.slow, {lab.home: [Cut(1, 0, how), Cut(1, 1)]}, away=away))


@law(
    2,
    Weight.OURS,
    "Is each of two to eight calls whole that run at once in a session?",
    "Resumability: the messages that would have been sent after the last event id",
    "Agents call tools side by side.",
    *WHOLE,
    cases=4,
)
async def calls_at_once_are_whole(lab: Lab, case: Case) -> None:
    count, calls = events_at_home(lab), 8 if case.seed % 2 else case.rng.randint(2, 7)
    names = ["GET"] if lab.home == "GET" else ["POST", *(f"POST {n}" for n in range(2, calls + 1))]
    cuts = {name: [Cut(case.rng.randint(1, max(1, count - 2)))] for name in names}
    must_be_whole(lab, await lab.play(lab.slow, cuts, away=lab.slow.lasts / 2, calls=calls))


@law(
    2,
    Weight.OURS,
    "Is a message whole that is large, and in letters of many bytes?",
    "Resumability: the messages that would have been sent after the last event id",
    "Text is cut in the middle of a letter, and of a line.",
    *WHOLE,
    cases=2,
)
async def large_and_foreign_text_is_whole(lab: Lab, case: Case) -> None:
    """A progress token comes back in each message: it is text of our own choice."""
    count, size = events_at_home(lab), LARGE if case.seed % 2 else 200
    more = (LETTERS * (1 + size // len(LETTERS)))[:size]
    cuts = [Cut(case.rng.randint(1, count - 1), case.rng.randint(0, size)) for _ in range(2)]
    play = await lab.play(lab.slow, {lab.home: cuts}, away=lab.slow.lasts / 2, more=more)
    if play.post.ends[0] is End.REFUSED:
        raise NotReachedError(f"a progress token of {size} characters is refused")
    if not any(len(event.data) > size for event in home(lab, play).events):
        raise NotReachedError("its messages bring no text of the caller's")
    must_be_whole(lab, play)


@law(
    2,
    Weight.OURS,
    "Is it whole on connections that are kept alive?",
    "Resumability: the messages that would have been sent after the last event id",
    "Browsers and most HTTP clients use a connection again.",
    *WHOLE,
)
async def kept_connections_are_whole(lab: Lab, case: Case) -> None:
    """Call after call, and replay after replay, of one session on the same few connections."""
    events_at_home(lab)
    session = await lab.session()
    session.http = lab.peer.kept_alive
    for _ in range(2):
        _, stream = await whole_run(lab, session=session, direct=True)
        await brings_the_same(session, stream, case.rng.randrange(len(stream.ids) - 1))


# --- 3. One seam


@law(
    3,
    Weight.OURS,
    "Is it whole after hundreds of messages were missed?",
    "Resumability: the messages that would have been sent after the last event id",
    "Who was away for a while misses more than a few.",
    *WHOLE,
    cases=2,
)
async def a_replay_of_hundreds_is_whole(lab: Lab, case: Case) -> None:
    """As many as the server keeps, if it keeps fewer than there are."""
    count = events_at_home(lab, fast=True)
    place = max(1 + case.seed % 2, count - lab.window + 5)
    if place >= count - 1:
        raise NotReachedError(f"no more than {lab.window} of its messages are kept")
    away = lab.fast.lasts + 0.5
    must_be_whole(lab, await lab.play(lab.fast, {lab.home: [Cut(place)]}, away=away, hasty=True))


@law(
    3,
    Weight.OURS,
    "Are backlog and live tail one sequence, when messages come fast and connections go often?",
    "Resumability: replay, and resume the stream from that point",
    "Between replay and live tail is where servers lose messages.",
    *WHOLE,
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
    if number < SOME:  # the tool sends too few messages to be still under way
        must_be_whole(lab, await lab.play(lab.fast, {lab.home: cuts}, hasty=True))
    else:
        await in_time(lab, lambda: lab.play(lab.fast, {lab.home: cuts}, hasty=True), 3)
