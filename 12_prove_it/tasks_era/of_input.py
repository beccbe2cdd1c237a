"""Laws 5 and 7, where a task asks: each answer counts once, and only an answer to what was asked."""

import asyncio

from pydantic import JsonValue

from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laboratory.tools import example
from laws.law import Case, Weight, broken
from tasks_era.lab import Task, TasksLab
from tasks_era.questions import question

EXTENSION = "Tasks extension"


async def asking(lab: TasksLab) -> Task:
    """A task that waits for an answer."""
    if lab.args_that_ask is None:
        raise NotReachedError("no arguments are known with which the tool asks: --ask-args")
    told = (await lab.to_its_end(await lab.begin(lab.args_that_ask)))[-1]
    if told.status != "input_required":
        raise NotReachedError(f"the tool does not ask: {told.status}")
    if not told.asks:
        raise broken(Verdict.LOST, "inputRequests, at input_required", str(told.asks))
    return told


def answers(task: Task) -> dict[str, JsonValue]:
    """The plainest that the questions allow."""
    found: dict[str, JsonValue] = {}
    for key, asked in (task.asks or {}).items():
        match asked:
            case {"params": {"requestedSchema": dict(schema)}}:
                content = example(schema, schema, 0)
            case _:
                content = {}
        found[key] = {"action": "accept", "content": content}
    return found


@question(
    7,
    Weight.MUST,
    "Is an answer to what was not asked ignored?",
    f"{EXTENSION}: a key that is not outstanding is ignored",
    "Work goes on that nobody has approved.",
)
async def what_was_not_asked_is_ignored(lab: TasksLab, case: Case) -> None:
    task = await asking(lab)
    stray = next(iter(answers(task).values()))
    await lab.answer(task, {f"prove-it-{case.rng.getrandbits(32)}": stray})
    told = await lab.get(task.id)
    if told.status != "input_required" or set(told.asks or {}) != set(task.asks or {}):
        came = f"{told.status}, which asks {list(told.asks or {})}"
        raise broken(Verdict.MISLABELLED, f"input_required, which asks {list(task.asks or {})}", came)


@question(
    5,
    Weight.MUST,
    "Does an answer count once, and is a key never used for another question?",
    f"{EXTENSION}: a key is unique for the life of its task",
    "An answer that is sent again approves the next step, too.",
)
async def an_answer_counts_once(lab: TasksLab, case: Case) -> None:
    once = await questions_of_a_run(lab, times=1)
    keys = [key for asked in once for key in asked]
    if len(set(keys)) < len(keys):
        raise broken(Verdict.DOUBLED, "a key of its own for each question", ", ".join(keys))
    twice = await questions_of_a_run(lab, times=2)
    if len(twice) != len(once):
        came = f"{len(twice)} of {len(once)} questions, where each answer was sent twice"
        raise broken(Verdict.DOUBLED, "an answer that counts once", came)


async def questions_of_a_run(lab: TasksLab, times: int) -> list[list[str]]:
    """The keys that were asked for, one list for each time that the task has waited."""
    task = await asking(lab)
    asked: list[list[str]] = []
    while task.status == "input_required":
        asked.append(list(task.asks or {}))
        told = answers(task)
        for _ in range(times):
            await lab.answer(task, told)
        task = (await lab.to_its_end(await heeded(lab, task)))[-1]
    if task.status != "completed":
        raise broken(Verdict.CANCELLED, "completed", f"{task.status}: {task.message}")
    return asked


async def heeded(lab: TasksLab, task: Task) -> Task:
    """What the task is once its answer was taken, which may take a moment."""
    told = await lab.get(task.id)
    for _ in range(1 + round(lab.peer.patience / task.pace)):
        if told.status != "input_required" or (told.asks, told.updated) != (task.asks, task.updated):
            return told
        await asyncio.sleep(task.pace)
        told = await lab.get(task.id)
    raise broken(Verdict.LOST, "an answer that is taken", f"it still asks {list(told.asks or {})}")
