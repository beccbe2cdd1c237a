"""The checker's other half: surveys a server with tasks, and puts the questions of that era to it."""

import asyncio
from collections.abc import Callable

from pydantic import JsonValue

from laboratory.checker import Order, mishap, put_all
from laboratory.oracle import Verdict
from laboratory.outcomes import BrokenError, UnfitError
from laboratory.results import Report, Result
from laboratory.stream import now
from laboratory.tools import Tool
from laws.law import broken
from tasks_era import of_connections, of_handles, of_input, of_refusals
from tasks_era.lab import MODERN, TASKS, Task, TasksLab, parsed
from tasks_era.questions import QUESTIONS

ABOUT = (of_handles, of_connections, of_refusals, of_input)  # they have filled QUESTIONS
QUESTIONS.sort(key=lambda law: law.number)
MOST_TOOLS = 1000
UNKNOWN_YET = 5.0  # seconds that a run may last
STEPS, STEP = 8, 0.15  # seconds
FAILS, ASKS = ("fail", "error", "raise"), ("approv", "confirm", "ask")


async def examine(lab: TasksLab, order: Order, report: Report, tell: Callable[[], None]) -> None:
    began, until = now(), now() + order.time_limit
    report.results = [Result(law) for law in QUESTIONS if order.law in (None, law.number)]
    pulse = asyncio.create_task(lab.peer.feel_the_lag())
    try:
        try:
            async with asyncio.timeout_at(until):
                report.surveyed = await survey(lab, order)
        except BrokenError as error:
            for fault in error.faults:
                report.file(fault, QUESTIONS[0], order.seed)
            for result in report.results:
                result.unknown = "an uncut run was broken already"
            return
        except UnfitError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a server does, there is a report)
            for result in report.results:
                result.unknown = mishap(error)
            return
        tell()
        await put_all(lab, order, report, until, tell)
    finally:
        pulse.cancel()
        await asyncio.wait({pulse})
        report.seconds, report.requests = now() - began, lab.peer.requests


async def survey(lab: TasksLab, order: Order) -> str:
    """What two uncut runs give."""
    tools = {tool.name: tool for tool in await tools_of(lab)}
    if not (tool := tools.get(lab.tool)):
        raise UnfitError(f"There is no tool {lab.tool!r}; there are {', '.join(tools) or 'none'}.")
    lab.args = order.args if order.args is not None else tool.tuned(STEPS, STEP)
    lab.args_that_fail = order.fail_args or switched_on(tool, lab, FAILS)
    lab.args_that_ask = order.ask_args or switched_on(tool, lab, ASKS)
    lab.lasts = UNKNOWN_YET
    runs = [await uncut(lab), await uncut(lab)]
    lab.varies = runs[0][-1].result != runs[1][-1].result
    lab.result = runs[1][-1].result
    lab.counts = all(rises(run) for run in runs)
    lab.listens = await agrees_to_listen(lab)
    return f"an uncut run: {lab.lasts:.1f} s, {len(runs[1])} polls"


async def tools_of(lab: TasksLab) -> list[Tool]:
    """Of a server that speaks this era and knows tasks."""
    reply = await lab.ask("server/discover")
    about = reply.result or {}
    versions = about.get("supportedVersions")
    if not isinstance(versions, list) or MODERN not in versions:
        raise UnfitError(f"{lab.peer.url} does not speak {MODERN} (status {reply.answer.status}).")
    match about.get("capabilities"):
        case {"extensions": {"io.modelcontextprotocol/tasks": _}}:
            pass
        case _:
            raise UnfitError(f"{lab.peer.url} does not offer the extension {TASKS}.")
    params: dict[str, JsonValue] = {}
    found: list[Tool] = []
    while len(found) < MOST_TOOLS:
        reply = await lab.ask("tools/list", params)
        listed = (reply.result or {}).get("tools")
        found += [Tool.model_validate(one) for one in listed] if isinstance(listed, list) else []
        cursor = (reply.result or {}).get("nextCursor")
        if not isinstance(cursor, str):
            break
        params = {"cursor": cursor}
    return found


def switched_on(tool: Tool, lab: TasksLab, words: tuple[str, ...]) -> dict[str, JsonValue] | None:
    """The arguments with a switch turned on that has such a name, if the tool has one."""
    for name, about in tool.properties.items():
        if about.get("type") == "boolean" and any(word in name.lower() for word in words):
            return {**lab.args, name: True}
    return None


async def uncut(lab: TasksLab) -> list[Task]:
    began = now()
    params: dict[str, JsonValue] = {"name": lab.tool, "arguments": lab.args}
    reply = await lab.ask("tools/call", params, patience=120)
    if reply.result is None:
        raise UnfitError(f"The tool was refused: {reply.error.get('message', reply.answer.status)}")
    if reply.result.get("resultType") != "task" and "taskId" not in reply.result:
        raise UnfitError(f"The server does not make a task of {lab.tool!r}: nothing can be asked about it.")
    told = [parsed(reply)]
    if told[0].kind != "task":
        raise broken(Verdict.MISLABELLED, "resultType task", told[0].kind, reply)
    told = await lab.to_its_end(told[0])
    if told[-1].status == "input_required":
        raise UnfitError(
            "The tool asks with these arguments: give others with --args, these with --ask-args."
        )
    lab.lasts = now() - began
    return told


def rises(told: list[Task]) -> bool:
    steps = [one.steps for one in told if one.steps is not None and not one.is_over]
    return len(set(steps)) > 1 and steps == sorted(steps)


async def agrees_to_listen(lab: TasksLab) -> bool:
    told: list[of_connections.Message] = []
    await of_connections.hear(lab, await lab.begin(), told, most=1)
    match told:
        case [{"params": {"notifications": {"taskIds": [_, *_]}}}]:
            return True
        case _:
            return False
