"""Eviction: many messages are sent in one session, until the first is no longer kept, if ever.

flood  what came of that: how many messages, what the first id brings in the end, and ids that came twice
"""

import asyncio
from dataclasses import dataclass, field

from pydantic import JsonValue

from laboratory.lab import Lab
from laboratory.outcomes import UnknownError
from laboratory.session import Session
from laboratory.stream import Stream, now
from laws.law import events_at_home, home, resumed

AT_ONCE, MOST_AT_ONCE = 4, 32  # calls
FLOODING, ROUNDS = 30.0, 6  # seconds, and rounds of calls, after which nobody knows


@dataclass
class Flood:
    sent: int = 0
    gone: Stream | None = None  # what the first id brought when its successors were no longer kept
    reused: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])

    def unknown(self) -> UnknownError:
        """Time was over before anything was forgotten."""
        return UnknownError(
            f"all of {self.sent} messages were kept, and then time was over: "
            "give --fast-args with more messages, or say with --flood how many are enough"
        )


async def flooded(lab: Lab) -> Flood:
    """Tried once, whoever asks."""
    async with lab.flooding:
        if not isinstance(lab.flooded, Flood):
            events_at_home(lab)
            lab.flooded = await pour(lab)
        return lab.flooded


async def pour(lab: Lab) -> Flood:
    """Round after round, until the first is forgotten, or enough were sent."""
    session, flood = await lab.session(), Flood()
    deadline, rounds = now() + (FLOODING if lab.flood is None else float("inf")), 0
    play = await lab.play(lab.fast, session=session)
    first = home(lab, play)  # a bound for a stream shows by itself
    if not first.ids:
        raise UnknownError("the first call of many in one session was not answered")
    flood.sent = len(first.events)
    at_once, most = AT_ONCE, MOST_AT_ONCE
    while True:
        stream = await resumed(session, first.ids[0])
        if not stream.events or stream.events[0].id not in first.ids:
            flood.gone = flood.gone or stream
        flood.reused += first.reused + stream.reused
        enough = flood.gone if lab.flood is None else False
        late = now() > deadline and rounds >= ROUNDS  # on a slow machine, too, some rounds are due
        if enough or flood.reused or flood.sent >= lab.most_kept or late:
            return flood
        rounds += 1
        calls = await asyncio.gather(*(pouring(lab, session, flood.sent + n) for n in range(at_once)))
        for one in calls:
            flood.sent += len(one.events)
            flood.reused += one.reused
        if any(one.response is None for one in calls):  # more than it takes at the same time
            if at_once == 1:
                raise UnknownError("a call was not answered, so that the session was not filled")
            most = at_once // 2
        at_once = min(2 * at_once, most)
        if lab.home == "GET":
            flood.sent += len(calls) * len(lab.fast.due["GET"])
            await asyncio.sleep(lab.fast.lasts * 1.2)  # the calls were answered at once


async def pouring(lab: Lab, session: Session, number: int) -> Stream:
    params: JsonValue = {
        "name": lab.tool,
        "arguments": lab.fast.arguments,
        "_meta": {"progressToken": f"flood-{number}"},
    }
    stream = Stream(session, "POST", None, session.body("tools/call", params))
    await stream.read(lab.peer.patience + lab.fast.lasts, lambda: stream.response is not None)
    return stream
