"""Laws 8 and 10: no client can fill a server or stop it, and a replay costs what was missed."""

import asyncio

import httpx

from laboratory.lab import Lab, NotReachedError, Play
from laboratory.oracle import Verdict
from laboratory.session import now
from laboratory.wire import Cut, How
from laws.eviction import evicted
from laws.law import Case, Weight, broken, events_at_home, home, law, resumed

TRIES = 9
LARGE = 16_000_000  # bytes; more than a JSON-RPC message is


# --- 8. Bounded


@law(
    8,
    Weight.OURS,
    "Is the number of events bounded that are kept for a session?",
    "Silent",
    "One busy client fills the server's memory.",
    heavy=True,
)
async def events_are_bounded(lab: Lab, case: Case) -> None:
    stream, sent = await evicted(lab)
    if stream is None:
        raise NotReachedError(f"all of {sent} messages were kept; the bound, if there is one, is higher")


@law(
    8,
    Weight.OURS,
    "Is a body of 16 MB refused?",
    "Silent",
    "Anybody can fill the server's memory.",
    heavy=True,
)
async def bodies_are_bounded(lab: Lab, case: Case) -> None:
    session = await lab.session()
    padding = (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"padding": "' + b"a" * LARGE
    )
    try:
        answer = await lab.peer.ask("POST", session.headers, padding + b'"}}}')
    except httpx.TransportError:
        return  # the connection was closed over it: bounded, if not said
    if answer.status < 400:
        raise broken(Verdict.UNBOUNDED, "413", str(answer.status), answer)


@law(
    8,
    Weight.OURS,
    "Is the session served while one of its readers has stopped reading?",
    "Silent",
    "One sleeping laptop stops a session, or its server.",
    heavy=True,
)
async def a_stalled_reader_hinders_nobody(lab: Lab, case: Case) -> None:
    events_at_home(lab, fast=True)
    session = await lab.session()
    stall = {lab.home: [Cut(1, 0, How.SILENCE)]}
    playing = asyncio.create_task(lab.play(lab.fast, stall, away=lab.fast.lasts + 0.5, session=session))
    try:
        await asyncio.sleep(lab.fast.lasts * 0.8)  # long enough for what is not read to pile up
        answer, message = await session.call("ping", {})
        if message.result is None:
            raise broken(Verdict.HUNG, "an answer to a ping", f"none in {lab.peer.patience:g} s", answer)
    finally:
        playing.cancel()
        await asyncio.wait({playing})


# --- 10. Prompt


@law(
    10,
    Weight.OURS,
    "Does a replay cost what was missed, and not what is kept?",
    "Silent",
    "The busier the session, the slower the reconnect: just when all reconnect.",
    heavy=True,
)
async def a_replay_costs_what_was_missed(lab: Lab, case: Case) -> None:
    events_at_home(lab, fast=True)
    few, many = await asyncio.gather(lab.play(lab.slow), lab.play(lab.fast))
    small, large = await quickest(lab, few, many)
    if large > 3 * small + 0.003:
        kept = len(home(lab, many).events)
        came = (
            f"{1000 * large:.1f} ms with {kept} kept, {1000 * small:.1f} ms with {len(home(lab, few).events)}"
        )
        raise broken(Verdict.UNBOUNDED, "the last message in the same time, however many are kept", came)


async def quickest(lab: Lab, *plays: Play) -> list[float]:
    """The least of some tries for each, in turn: what else the machine does only makes them longer."""
    times: list[list[float]] = [[] for _ in plays]
    for _ in range(TRIES):
        for play, tries in zip(plays, times, strict=True):
            began = now()
            stream = await resumed(play.session, home(lab, play).ids[-2])
            if not stream.events:
                raise NotReachedError("the last message could not be had again")
            tries.append(stream.events[0].at - began)
    return [min(tries) for tries in times]
