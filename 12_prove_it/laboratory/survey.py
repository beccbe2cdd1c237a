"""The survey: is this a server whose streams can be resumed, which tool serves, and what is its oracle?

fit      of a tool: called once, it sends some messages, and the same ones each time
latency  of the server: the median of some pings, from which patience follows
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from laboratory.agreement import agree, hold_to_itself, must_have_worked, must_not_be_shared, stream_of
from laboratory.lab import Lab, leave
from laboratory.opening import latency, open_first, tools_of
from laboratory.oracle import Oracle
from laboratory.outcomes import UnfitError
from laboratory.play import Play, values
from laboratory.session import FullError
from laboratory.stream import Stream
from laboratory.tools import FEW, LASTS, MANY, OFTEN, SELDOM, STEPS, Arguments, Tool

LEAST = 2  # events on a stream, so that there is something between which to cut
RUNS, MORE_RUNS = 2, 3  # uncut, and where some do not agree
Wanted = tuple[Arguments | None, Arguments | None, Arguments | None]


async def survey(lab: Lab, wanted: Wanted, quiet: float) -> None:
    """Make the oracles, and find on which stream the messages come."""
    session = await open_first(lab.peer)
    try:
        lab.peer.latency = await latency(session)
        tools = {tool.name: tool for tool in await tools_of(session)}
    finally:
        await session.delete()
    if lab.tool not in tools:
        raise UnfitError(f"There is no tool {lab.tool!r} here; there are: {', '.join(tools) or 'none'}.")
    prepare(lab, tools[lab.tool], wanted, quiet)
    alone = await lab.play(lab.slow, linger=lab.slow.linger)
    must_have_worked(lab.tool, alone.post)
    slow, fast = await uncut_runs(lab, [lab.slow, lab.fast], alone)
    lab.uncut = [*slow, *fast]
    for _ in range(2):  # a time in milliseconds may be the same in some slow runs, by chance
        lab.slow.masks = lab.fast.masks = lab.slow.masks | lab.fast.masks
        learn(lab, lab.slow, slow)
        learn(lab, lab.fast, fast)
    lab.home = "GET" if len(lab.slow.due["GET"]) >= len(lab.slow.due["POST"]) else "POST"
    must_have_ids(lab, alone)
    lab.response_is_last = all(
        play.get.events and play.post.events and play.post.events[-1].at >= play.get.events[-1].at
        for play in slow
    )
    lab.primes = {
        name
        for name, stream in slow[0].streams.items()
        if stream.ids and stream.events and stream.ids[0] != stream.events[0].id
    }
    lab.offers_get = any(play.get.answer and play.get.answer.status == 200 for play in slow)
    lab.has_get = bool(lab.slow.due["GET"])
    ids = [event_id for play in lab.uncut for stream in play.streams.values() for event_id in set(stream.ids)]
    lab.ids_are_global = len(ids) == len(set(ids))
    if lab.crowded:
        await leave()
        fast.append(await lab.play(lab.fast, linger=lab.fast.linger))
    lab.window = await window_of(lab, fast[-1])


def prepare(lab: Lab, tool: Tool, wanted: Wanted, quiet: float) -> None:
    """The arguments for each way of calling it, and how long it may be silent between two messages."""
    slow, fast, long = wanted
    lab.slow.arguments = tool.tuned(FEW, SELDOM) if slow is None else slow
    lab.fast.arguments = tool.tuned(MANY, OFTEN, lab.slow.arguments) if fast is None else fast
    lab.long.arguments = tool.tuned(STEPS, LASTS / STEPS, lab.slow.arguments) if long is None else long
    for oracle in (lab.slow, lab.fast, lab.long):
        oracle.linger = max(quiet, 3 * tool.pause(oracle.arguments))


async def look_again(lab: Lab) -> bool:
    """Once, before it is blamed: the first runs of a tool that varies may agree by chance. True: so it is."""
    found, lab.sure = False, True
    for oracle in (lab.slow, lab.fast):
        if oracle.varies:
            continue
        plays = [await lab.play(oracle, linger=oracle.linger) for _ in range(MORE_RUNS)]
        known = [play for play in lab.uncut if play.oracle is oracle]
        if not agree([*known, *plays]):
            hold_to_itself(lab, oracle, [*known, *plays])
            learn(lab, oracle, plays)
            found = True
    return found


async def survey_long(lab: Lab) -> None:
    """Only who asks for it waits for it."""
    async with lab.surveying:
        if not lab.long.due:
            (runs,) = await uncut_runs(lab, [lab.long])
            lab.long.masks = lab.slow.masks
            learn(lab, lab.long, runs)
            learn(lab, lab.long, runs)


def must_have_ids(lab: Lab, alone: Play) -> None:
    """A tool that sends nothing but its answer can be cut between that and the priming event."""
    if len(lab.slow.due[lab.home]) >= LEAST or (lab.home == "POST" and len(alone.post.ids) >= LEAST):
        return
    ids = "no priming event comes before it" if alone.post.ids else "its answer has no event id"
    raise UnfitError(
        f"{lab.tool} sends nothing but its answer, and {ids}: "
        "nothing to cut between. Choose a tool that reports."
    )


async def uncut_runs(lab: Lab, oracles: Sequence[Oracle], *known: Play) -> list[list[Play]]:
    """Some of each, side by side, as far as the server lets us; then alone, where they do not agree."""
    wanted = [oracle for oracle in oracles for _ in range(RUNS)]
    found: list[Play | BaseException] = [FullError()] * len(wanted)
    if not lab.crowded:
        asked = (lab.play(oracle, linger=oracle.linger) for oracle in wanted)
        found = await asyncio.gather(*asked, return_exceptions=True)
    plays: list[Play] = []
    for oracle, play in zip(wanted, found, strict=True):
        if isinstance(play, FullError):
            lab.crowded = True
            await leave()
            play = await lab.play(oracle, linger=oracle.linger)
        if isinstance(play, BaseException):
            raise play
        plays.append(play)
    runs = [plays[n : n + RUNS] for n in range(0, len(plays), RUNS)]
    runs[0] += known
    return [await agreeing(lab, oracle, some) for oracle, some in zip(oracles, runs, strict=True)]


async def agreeing(lab: Lab, oracle: Oracle, plays: list[Play]) -> list[Play]:
    if agree(plays):
        return plays
    # Sessions that disturb one another are no oracle.
    must_not_be_shared([stream_of(play, "POST") for play in plays])
    must_not_be_shared([stream_of(play, "GET") for play in plays])
    alone_too: list[Play] = []
    for _ in range(MORE_RUNS):
        if lab.crowded:
            await leave()
        alone_too.append(await lab.play(oracle, linger=oracle.linger))
    if not agree(alone_too):
        hold_to_itself(lab, oracle, [*plays, *alone_too])
    return alone_too


async def window_of(lab: Lab, play: Play) -> int:
    """How many events of a fast stream can be had again, now: the earliest id that still brings something."""
    ids = (play.post if lab.home == "POST" else play.get).ids
    low, high = 0, len(ids) - 1  # the first that is served lies between them
    while low < high:
        middle = (low + high) // 2
        stream = Stream(play.session, "GET", cursor=ids[middle])
        await stream.read(lab.peer.moment, lambda stream=stream: bool(stream.events))
        low, high = (low, middle) if stream.events else (middle + 1, high)
    return len(ids) - low


def learn(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> None:
    for method in ("POST", "GET"):
        streams = [stream_of(play, method) for play in plays]
        runs = [[stream.own(event.data) for event in values(stream)] for stream in streams]
        oracle.learn(method, [min(runs, key=len)] if oracle.varies and method == "POST" else runs)
        for play, stream in zip(plays, streams, strict=True):
            times = [play.called, *(event.at for event in stream.events)]
            oracle.longest_gap = max([oracle.longest_gap, *(b - a for a, b in pairwise(times))])
            oracle.lasts = max([oracle.lasts, *(time - times[0] for time in times)])
            if len(times) > 1:
                oracle.shortest = min(oracle.shortest, times[-1] - times[0])
    must_have_worked(lab.tool, plays[0].post)
