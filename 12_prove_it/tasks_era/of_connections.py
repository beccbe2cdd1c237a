"""Laws 3 and 5: connections are lost, and the work goes on, is told of, and is done once."""

import asyncio
import contextlib
from itertools import pairwise

import httpx
from pydantic import JsonValue

from laboratory.events import Parser, parsed
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laws.law import Case, Weight, broken
from tasks_era.lab import QUICKEST, Task, TasksLab
from tasks_era.of_handles import completed
from tasks_era.questions import question

EXTENSION = "Tasks extension"
Message = dict[str, JsonValue]


@question(
    3,
    Weight.OURS,
    "Does who listens to a task hear how it ends, also after a cut?",
    f"{EXTENSION}: notifications/tasks on subscriptions/listen has what tasks/get gives",
    "A client that waits to be told waits for ever.",
)
async def a_listener_hears_the_end(lab: TasksLab, case: Case) -> None:
    if not lab.listens:
        raise NotReachedError("subscriptions/listen does not agree to taskIds")
    task = await lab.begin()
    first: list[Message] = []
    await hear(lab, task, first, most=1)  # and cut off
    if not first or first[0].get("method") != "notifications/subscriptions/acknowledged":
        raise broken(Verdict.DEAF, "first an acknowledgement", str(first[:1]))
    told: list[Message] = []
    listening = asyncio.create_task(hear(lab, task, told))
    try:
        end = (await lab.to_its_end(task))[-1]
        await asyncio.wait({listening}, timeout=lab.peer.patience)
    finally:
        listening.cancel()
        await asyncio.wait({listening})
    said = [one.get("params") for one in told if one.get("method") == "notifications/tasks"]
    states = {one.get("status"): one for one in said if isinstance(one, dict)}
    if end.status not in states:
        raise broken(Verdict.DEAF, f"notifications/tasks with {end.status}", ", ".join(map(str, states)))
    if states[end.status].get("result") != end.result:
        raise broken(Verdict.CORRUPTED, "what tasks/get says", str(states[end.status].get("result")))


async def hear(lab: TasksLab, task: Task, told: list[Message], most: int = 1000) -> None:
    """What comes on a stream of one's own until the task is over, or so many messages."""
    headers, body = lab.request("subscriptions/listen", {"notifications": {"taskIds": [task.id]}})
    request = lab.peer.request("POST", headers, body)
    parser = Parser()
    with contextlib.suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(2 * lab.peer.patience + 4 * lab.lasts):
            response = await lab.peer.http.send(request, stream=True)
            try:
                async for chunk in response.aiter_bytes():
                    for block in parser.feed(chunk):
                        message = parsed(block.data) if block.data else None
                        if isinstance(message, dict):
                            told.append(message)
                        if len(told) >= most or ended(message):
                            return
            finally:
                await response.aclose()


def ended(message: JsonValue) -> bool:
    match message:
        case {"params": {"status": "completed" | "failed" | "cancelled"}}:
            return True
        case _:
            return False


@question(
    5,
    Weight.OURS,
    "Does the work go on when each connection that asks for it is lost?",
    f"{EXTENSION}: only tasks/cancel cancels a task",
    "Otherwise a task is no better than a call.",
    cases=2,
    essential=True,
)
async def a_cut_is_not_a_cancel(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    for _ in range(3):
        await asyncio.sleep(case.rng.uniform(0, lab.lasts / 5))
        await lost(lab, "tasks/get", {"taskId": task.id})
        if lab.listens:
            await hear(lab, task, [], most=1)  # and is gone
    await completed(lab, task)


async def lost(lab: TasksLab, method: str, params: dict[str, JsonValue]) -> None:
    """A request whose connection is lost as soon as it was sent, or a moment later."""
    headers, body = lab.request(method, params)
    with contextlib.suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(0.03):
            response = await lab.peer.http.send(lab.peer.request("POST", headers, body), stream=True)
            await response.aclose()


@question(
    5,
    Weight.OURS,
    "Does the tool run once, however often it is asked for?",
    f"{EXTENSION}: a task has one run; polls only look",
    "An order is placed twice, a mail is sent twice.",
    cases=2,
)
async def it_runs_once(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    several = await asyncio.gather(*(lab.to_its_end(task, pace=QUICKEST) for _ in range(3)))
    for told in several:
        for before, after in pairwise(told):
            if after.updated < before.updated or after.created != before.created:
                came = f"{before.updated} and then {after.updated}"
                raise broken(Verdict.RAN_TWICE, "one run, which goes on", came)
            if lab.counts and (after.steps or 0) < (before.steps or 0) and not after.is_over:
                came = f"{before.message!r}, and then {after.message!r}"
                raise broken(Verdict.RAN_TWICE, "one run, which goes on", came)
    ends = [told[-1] for told in several]
    if any(end.result != ends[0].result for end in ends):
        raise broken(Verdict.RAN_TWICE, "one result", "; ".join(str(end.result) for end in ends))
