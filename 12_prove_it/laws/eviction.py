"""Eviction: many messages are sent until the first of a session is no longer kept, if ever."""

import asyncio

from pydantic import JsonValue

from laboratory.lab import Lab
from laboratory.session import Stream, now
from laws.law import events_at_home, home, resumed

AT_MOST = 4  # rounds of three fast calls
EVICTING = 8.0  # seconds at most


async def evicted(lab: Lab) -> tuple[Stream | None, int]:
    """What the first id brings when it is not kept (None: it is), after how many messages; tried once."""
    async with lab.evicting:
        if lab.evicted is None:
            events_at_home(lab)
            lab.evicted = await evict(lab)
        return lab.evicted


async def evict(lab: Lab) -> tuple[Stream | None, int]:
    session = await lab.session()
    first = home(lab, await lab.play(lab.fast, session=session))  # a bound for a stream shows by itself
    due = next(event for event in first.events if event.id != first.ids[0])
    sent = len(first.events)
    deadline = now() + EVICTING
    for _ in range(AT_MOST):
        stream = await resumed(session, first.ids[0])
        if not stream.events or stream.events[0].id != due.id:
            return stream, sent
        if now() > deadline:
            break
        calls: list[JsonValue] = [
            {"name": lab.tool, "arguments": lab.fast_args, "_meta": {"progressToken": f"evict-{sent}-{turn}"}}
            for turn in range(3)
        ]
        await asyncio.gather(*(session.call("tools/call", params) for params in calls))
        if lab.home == "GET":
            await asyncio.sleep(lab.fast.lasts * 1.2)  # the calls were answered at once
        sent += 3 * sum(map(len, lab.fast.due.values()))
    return None, sent
