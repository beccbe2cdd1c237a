"""Laws 8 and 10: no client can fill a server or stop it, and a replay costs what was missed."""

import asyncio

import httpx

from laboratory.lab import Lab
from laboratory.opening import pings
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError, UnknownError
from laboratory.play import Play
from laboratory.stream import now
from laboratory.wire import Cut, How
from laws.eviction import flooded
from laws.law import Case, Weight, broken, events_at_home, home, law, resumed, whole_run

TRIES = 9
AT_ONCE = 1.0  # seconds, and a moment of the server's
FILLS = 5000  # characters: thousands of messages of this length fill every buffer on the way
SLOW = 0.3  # seconds, and some more for the server's latency
LONG_AWAY = 30.0  # seconds
LARGE = 16_000_000  # bytes; more than a JSON-RPC message is


# --- 8. Bounded


@law(
    8,
    Weight.OURS,
    "Is the number of events bounded that are kept for a session?",
    "Silent",
    "One busy client fills the server's memory.",
    Verdict.UNBOUNDED,
    heavy=True,
)
async def events_are_bounded(lab: Lab, case: Case) -> None:
    flood = await flooded(lab)
    if flood.gone:
        return
    if flood.sent >= lab.most_kept:
        came = f"all of {flood.sent} messages kept (for a server that keeps more on purpose: --flood)"
        raise broken(Verdict.UNBOUNDED, f"fewer than {lab.most_kept} messages kept for a session", came)
    raise flood.unknown()


@law(
    8,
    Weight.OURS,
    "Is a body of 16 MB refused?",
    "Silent",
    "Anybody can fill the server's memory.",
    Verdict.UNBOUNDED,
    heavy=True,
)
async def bodies_are_bounded(lab: Lab, case: Case) -> None:
    session = await lab.session()
    padding = (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"padding": "' + b"a" * LARGE
    )
    try:
        answer = await lab.peer.ask("POST", session.headers, padding + b'"}}}')
    except httpx.RequestError:
        return  # the connection was closed over it: bounded, if not said
    if answer.status < 400:
        raise broken(Verdict.UNBOUNDED, "413", str(answer.status), answer)


@law(
    8,
    Weight.OURS,
    "Is the session served while one of its readers has stopped reading?",
    "Silent",
    "One sleeping laptop stops a session, or its server.",
    Verdict.HUNG,
    heavy=True,
)
async def a_stalled_reader_hinders_nobody(lab: Lab, case: Case) -> None:
    """Long tokens, which come back in each message, fill what lies between; some servers refuse them."""
    events_at_home(lab, fast=True)
    for more in ("x" * FILLS, ""):
        session = await lab.session()
        stall = {lab.home: [Cut(1, 0, How.SILENCE)]}
        playing = asyncio.create_task(
            lab.play(lab.fast, stall, away=LONG_AWAY + lab.fast.lasts, session=session, more=more)
        )
        try:
            await asyncio.wait({playing}, timeout=1.0 + lab.fast.lasts)  # so that it piles up
            await session.call("ping", {})
        except TimeoutError:
            told = f"none in {lab.peer.patience:g} s, while one of its streams is not read"
            raise broken(Verdict.HUNG, "an answer to a ping", told) from None
        finally:
            stands = not playing.done()
            playing.cancel()
            await asyncio.wait({playing})
        if stands:
            return


# --- 10. Prompt


@law(
    10,
    Weight.OURS,
    "Does a replay begin as soon as it is asked for?",
    "Silent",
    "Each reconnect costs a wait, and a client with little patience gives up.",
    Verdict.HUNG,
    heavy=True,
)
async def a_replay_begins_at_once(lab: Lab, case: Case) -> None:
    play, stream = await whole_run(lab)
    (soonest,) = await quickest(lab, play, tries=3)
    least = min(await pings(play.session))
    if soonest > AT_ONCE + 4 * least:
        told = f"{soonest:.1f} s, where a ping takes {least:.3f} s"
        raise broken(Verdict.HUNG, "what is kept, at once", told, stream.evidence())


@law(
    10,
    Weight.OURS,
    "Does a replay cost what was missed, and not what is kept?",
    "Silent",
    "The busier the session, the slower the reconnect: just when all reconnect.",
    Verdict.UNBOUNDED,
    heavy=True,
)
async def a_replay_costs_what_was_missed(lab: Lab, case: Case) -> None:
    (few, _), (many, _) = await asyncio.gather(whole_run(lab), whole_run(lab, fast=True))
    small, large = await quickest(lab, few, many)
    if large > 3 * small + 0.003:
        kept = len(home(lab, many).events)
        came = (
            f"{1000 * large:.1f} ms with {kept} kept, {1000 * small:.1f} ms with {len(home(lab, few).events)}"
        )
        raise broken(Verdict.UNBOUNDED, "the last message in the same time, however many are kept", came)
    if large > SLOW + 4 * lab.peer.latency:
        raise UnknownError(
            f"even the quickest of {TRIES} replays took {large:.1f} s: the machine is too busy"
        )


async def quickest(lab: Lab, *plays: Play, tries: int = TRIES) -> list[float]:
    """The least of some tries for each, in turn: what else the machine does only makes them longer."""
    times: list[list[float]] = [[] for _ in plays]
    for _ in range(tries):
        for play, took in zip(plays, times, strict=True):
            began, ids = now(), home(lab, play).ids
            stream = await resumed(play.session, ids[max(0, len(ids) - 2)], lab.peer.patience)
            if not stream.events:
                raise NotReachedError("the last message could not be had again")
            took.append(stream.events[0].at - began)
    return [min(took) for took in times]
