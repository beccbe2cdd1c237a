"""A handle is found at once, for as long as it should be, and brings what an uncut run brings."""

import asyncio
import math

from pydantic import JsonValue, TypeAdapter, ValidationError

from laboratory.oracle import Verdict
from laboratory.outcomes import UnknownError
from laws.law import Case, Weight, broken
from tasks_era.lab import Task, TasksLab
from tasks_era.lab import parsed as as_task
from tasks_era.questions import question

IDS, BITS = 8, 60
EXTENSION = "Tasks extension"
CONTENT = TypeAdapter(list[dict[str, JsonValue]])


@question(
    1,
    Weight.MUST,
    "Is a task found by tasks/get as soon as its handle was given out?",
    f"{EXTENSION}: a handle MUST NOT be sent before tasks/get would resolve",
    "A client that asks at once is told that its work never was.",
    cases=5,
    essential=True,
)
async def a_handle_is_found_at_once(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    told = await lab.get(task.id)
    if told.id != task.id:
        raise broken(Verdict.MISLABELLED, f"task {task.id}", f"task {told.id}")


@question(
    1,
    Weight.MUST,
    "Does each answer say what it is, by resultType, and has a task all of its fields?",
    f"{EXTENSION}: CreateTaskResult has resultType task, tasks/get has resultType complete",
    "A client that goes by the type takes a handle for the result.",
)
async def an_answer_says_what_it_is(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    told = [("tasks/get", await lab.ask("tasks/get", {"taskId": task.id}))]
    told.append(("tasks/cancel", await lab.ask("tasks/cancel", {"taskId": task.id})))
    nothing: dict[str, JsonValue] = {}
    told.append(
        ("tasks/update", await lab.ask("tasks/update", {"taskId": task.id, "inputResponses": nothing}))
    )
    for method, reply in told:
        kind = (reply.result or {}).get("resultType")
        if kind != "complete":
            raise broken(Verdict.MISLABELLED, f"resultType complete for {method}", str(kind), reply)
    as_task(told[0][1])


@question(
    4,
    Weight.MUST,
    "Are task ids hard to guess?",
    f"{EXTENSION}: ids with enough entropy, where nobody signs in",
    "Who guesses one reads a stranger's result.",
)
async def task_ids_are_hard_to_guess(lab: TasksLab, case: Case) -> None:
    ids = [(await lab.begin()).id for _ in range(IDS)]
    varying = [letters for letters in zip(*ids, strict=False) if len(set(letters)) > 1]
    alphabet = len({letter for letters in varying for letter in letters})
    bits = len(varying) * math.log2(max(2, alphabet))
    if len(set(ids)) < IDS or bits < BITS:
        told = f"{len(varying)} characters differ, such as {ids[0]} and {ids[1]}"
        raise broken(Verdict.OPEN_DOOR, f"at least {BITS} bits of chance", told, "\n".join(ids))


@question(
    2,
    Weight.OURS,
    "Does the handle bring the result of an uncut run, each time that it is asked?",
    f"{EXTENSION}: completed has the result that the call would have had",
    "This is what a task is for.",
    cases=2,
    essential=True,
)
async def the_result_is_whole(lab: TasksLab, case: Case) -> None:
    end = await completed(lab, await lab.begin())
    again = await lab.get(end.id)
    if again.result != end.result:
        raise broken(Verdict.CORRUPTED, f"the same result: {end.result}", str(again.result))
    if not lab.varies and end.result != lab.result:
        raise broken(Verdict.CORRUPTED, f"the result of an uncut run: {lab.result}", str(end.result))


async def completed(lab: TasksLab, task: Task) -> Task:
    end = (await lab.to_its_end(task))[-1]
    if end.status != "completed":
        verdict = Verdict.CANCELLED if end.is_over else Verdict.ENDLESS
        raise broken(verdict, "completed, as an uncut run", f"{end.status}: {end.message or end.error}")
    try:
        CONTENT.validate_python(end.result.get("content") if isinstance(end.result, dict) else None)
    except ValidationError:
        raise broken(Verdict.LOST, "the result of the tool", f"completed, with {end.result}") from None
    return end


@question(
    6,
    Weight.MUST,
    "Is a task that is over, over for good?",
    f"{EXTENSION}: completed, failed and cancelled are terminal",
    "A client that stopped polling has the wrong answer.",
)
async def what_is_over_stays_over(lab: TasksLab, case: Case) -> None:
    end = await completed(lab, await lab.begin())
    await lab.ask("tasks/cancel", {"taskId": end.id})
    again = await lab.get(end.id)
    if (again.status, again.result) != (end.status, end.result):
        raise broken(Verdict.MOVED, f"{end.status}, for good", f"{again.status} after tasks/cancel")


@question(
    7,
    Weight.MUST,
    "Is a poll answered at once, while the tool is still at work?",
    f"{EXTENSION}: tasks/get does not block",
    "The connection that a poll holds is lost like any other.",
)
async def a_poll_does_not_wait(lab: TasksLab, case: Case) -> None:
    for _ in range(3):
        task = await lab.begin()
        began = asyncio.get_running_loop().time()
        try:
            told = await lab.get(task.id)
        except TimeoutError:
            came = f"no answer in {lab.peer.patience:.1f} s"
            raise broken(Verdict.HUNG, "an answer at once", came) from None
        took = asyncio.get_running_loop().time() - began
        if not told.is_over:
            return
        if took > lab.lasts / 2:
            came = f"{told.status} after {took:.1f} s; the tool takes {lab.lasts:.1f} s"
            raise broken(Verdict.HUNG, "working, at once", came)
    raise UnknownError("the tool was over before it could be asked for: ask for one that takes longer")


@question(
    8,
    Weight.MUST,
    "Is a task kept for as long as its ttlMs says?",
    f"{EXTENSION}: after createdAt + ttlMs a server may delete a task",
    "The result is gone before the client comes for it.",
)
async def it_is_kept_for_its_time(lab: TasksLab, case: Case) -> None:
    """While the checker is at work; a server with a short time is also asked whether it forgets."""
    end = await completed(lab, await lab.begin())
    if end.ttl is None or end.ttl > 20_000:
        await asyncio.sleep(2.0)
        await lab.get(end.id)
        return
    left = end.ttl / 1000 - (end.updated - end.created).total_seconds()
    await asyncio.sleep(max(0.0, left * 0.5))
    if left > 1.0:
        await lab.get(end.id)
    await asyncio.sleep(max(0.0, left * 0.5) + 1.0 + lab.peer.moment)
    reply = await lab.ask("tasks/get", {"taskId": end.id})
    if reply.result is not None and reply.result.get("status") != "failed":
        raise broken(Verdict.UNBOUNDED, f"gone, {end.ttl} ms after it was made", "kept", reply)
