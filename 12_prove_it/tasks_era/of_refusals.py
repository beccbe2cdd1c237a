"""Laws 4, 6, 7, 8 and 9: what a server must not do, and how it says so."""

import httpx
from pydantic import JsonValue

from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laws.law import Case, Weight, broken
from tasks_era.lab import TASKS, Reply, TasksLab
from tasks_era.questions import question

EXTENSION = "Tasks extension"
UNKNOWN, UNDECLARED = -32602, -32021
METHODS: dict[str, dict[str, JsonValue]] = {
    "tasks/get": {},
    "tasks/update": {"inputResponses": {}},
    "tasks/cancel": {},
}
LARGE = 16_000_000  # bytes; more than a JSON-RPC message is
FOREIGN = (
    "http://prove-it.example",
    "null",
    "http://localhost.prove-it.example",
    "http://127.0.0.1.prove-it.example",
    "http://prove-it-localhost",
)


def must_be_refused(reply: Reply, code: int, what: str, verdict: Verdict = Verdict.SILENT) -> None:
    if reply.code != code or not reply.refused:
        came = str(reply.code or reply.result or reply.answer.status)[:200]
        raise broken(verdict, f"{code} for {what}", came, reply)


@question(
    4,
    Weight.MUST,
    "Is an id that was never given out refused with -32602, by each method?",
    f"{EXTENSION}: an unknown or expired task is answered with -32602",
    "A client that is told nothing polls for ever.",
)
async def an_unknown_task_is_refused(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    digits = f"{case.rng.getrandbits(8 * len(task.id)):0{len(task.id)}x}"[-len(task.id) :]
    for task_id in (digits, "no-such-task", task.id[:-1], task.id + "0"):
        for method, more in METHODS.items():
            reply = await lab.ask(method, {"taskId": task_id, **more})
            must_be_refused(reply, UNKNOWN, f"{method} of {task_id!r}")


@question(
    4,
    Weight.MUST,
    "Is somebody else's task refused as one that never was?",
    f"{EXTENSION}: tasks are bound to who has signed in",
    "Who guesses or sees an id reads a stranger's answers.",
)
async def a_strangers_task_is_unknown(lab: TasksLab, case: Case) -> None:
    if not lab.other:
        raise NotReachedError("nobody else can sign in: give their headers with --other-header")
    task = await lab.begin()
    for method, more in METHODS.items():
        theirs = await lab.ask(method, {"taskId": task.id, **more}, headers=lab.other)
        is_given = method != "tasks/get" or (theirs.result or {}).get("taskId") == task.id
        verdict = Verdict.FOREIGN_SESSION if theirs.result and is_given else Verdict.SILENT
        must_be_refused(theirs, UNKNOWN, f"{method} by somebody else", verdict)
        none = await lab.ask(method, {"taskId": "0" * len(task.id), **more}, headers=lab.other)
        alike = (none.answer.status, none.code, none.error.get("message"))
        if (theirs.answer.status, theirs.code, theirs.error.get("message")) != alike:
            raise broken(Verdict.FOREIGN_SESSION, f"what an unknown id gets: {none.error}", str(theirs.error))


@question(
    7,
    Weight.MUST,
    "Is a client that does not declare tasks never given a handle?",
    f"{EXTENSION}: a server MUST NOT return a task to a client that did not declare it on this request",
    "It takes the handle for the result.",
    essential=True,
)
async def undeclared_no_handle_is_given(lab: TasksLab, case: Case) -> None:
    params: dict[str, JsonValue] = {"name": lab.tool, "arguments": lab.args}
    patience = lab.peer.patience + 3 * lab.lasts
    reply = await lab.ask("tools/call", params, declares=False, patience=patience)
    if reply.result is not None and ("taskId" in reply.result or reply.result.get("resultType") == "task"):
        raise broken(Verdict.MISLABELLED, "the result, or -32021", "a handle", reply)
    if reply.result is None:
        must_be_refused(reply, UNDECLARED, "a call without the extension")


@question(
    7,
    Weight.MUST,
    "Is a request about tasks without the extension refused with -32021, which says what to declare?",
    f"{EXTENSION}: -32021 with data.requiredCapabilities",
    "A client cannot find out what it lacks.",
)
async def what_was_not_declared_is_refused(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    asked = [(method, {"taskId": task.id, **more}) for method, more in METHODS.items()]
    if lab.listens:
        asked.append(("subscriptions/listen", {"notifications": {"taskIds": [task.id]}}))
    for method, params in asked:
        reply = await lab.ask(method, params, declares=False)
        must_be_refused(reply, UNDECLARED, f"{method} without the extension")
        match reply.error.get("data"):
            case {"requiredCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": _}}}:
                pass
            case data:
                expected = f"data.requiredCapabilities.extensions with {TASKS}"
                raise broken(Verdict.SILENT, expected, str(data), reply)


@question(
    7,
    Weight.OURS,
    "Does a server answer who polls as often as it asks for?",
    f"{EXTENSION}: pollIntervalMs is how often to ask",
    "A client that does as it is told is refused.",
)
async def its_own_pace_is_served(lab: TasksLab, case: Case) -> None:
    for told in await lab.to_its_end(await lab.begin()):
        if told.interval is not None and told.interval > 3_600_000:
            raise broken(Verdict.HUNG, "a pace in which a result can be had", f"{told.interval} ms")


@question(
    7,
    Weight.MUST,
    "Is a tool's own error the result of a completed task, and not a failed one?",
    f"{EXTENSION}: failed is for JSON-RPC errors only",
    "The model never sees what went wrong.",
)
async def a_tools_error_completes(lab: TasksLab, case: Case) -> None:
    if lab.args_that_fail is None:
        raise NotReachedError("no arguments are known with which the tool fails: --fail-args")
    end = (await lab.to_its_end(await lab.begin(lab.args_that_fail)))[-1]
    is_error = isinstance(end.result, dict) and end.result.get("isError") is True
    if end.status != "completed" or not is_error:
        came = f"{end.status}, {end.result or end.error}"
        raise broken(Verdict.MISLABELLED, "completed, with isError: true", came)


@question(
    8,
    Weight.OURS,
    "Is a body of 16 MB refused?",
    "Silent",
    "Anybody can fill the server's memory.",
    heavy=True,
)
async def bodies_are_bounded(lab: TasksLab, case: Case) -> None:
    try:
        reply = await lab.ask("tools/call", {"name": lab.tool, "arguments": {"padding": "a" * LARGE}})
    except httpx.RequestError:
        return  # the connection was closed over it: bounded, if not said
    if reply.answer.status < 400:
        raise broken(Verdict.UNBOUNDED, "413", str(reply.answer.status), reply)


@question(
    9,
    Weight.OURS,
    "Does bad input get a clear error?",
    "JSON-RPC 2.0; Streamable HTTP: GET and DELETE are answered with 405",
    "A traceback tells an attacker more than it tells a user.",
)
async def bad_input_gets_an_error(lab: TasksLab, case: Case) -> None:
    nonsense: list[JsonValue] = [None, 7, ["x"], {"a": 1}, "x" * 100_000]
    for task_id in nonsense:
        for method, more in METHODS.items():
            reply = await lab.ask(method, {"taskId": task_id, **more})
            if not reply.refused and not 400 <= reply.answer.status < 500:
                raise broken(Verdict.SILENT, "a 4xx or an error", str(reply.answer.status), reply)
    told, _ = lab.request("tasks/get", {})
    for method, content in (("POST", b"{"), ("POST", b"42"), ("GET", None), ("DELETE", None)):
        answer = await lab.peer.ask(method, told, content)
        if not 400 <= answer.status < 500:
            raise broken(Verdict.SILENT, "a 4xx", str(answer.status), answer)


@question(
    9,
    Weight.MUST,
    "Is a request from a page of a foreign Origin refused?",
    "Security: servers MUST validate the Origin header",
    "Any web page can talk to a server on your machine.",
)
async def a_foreign_origin_is_refused(lab: TasksLab, case: Case) -> None:
    task = await lab.begin()
    for origin in FOREIGN:
        reply = await lab.ask("tasks/get", {"taskId": task.id}, headers={"origin": origin})
        if reply.answer.status < 400:
            raise broken(Verdict.OPEN_DOOR, f"403 for {origin}", str(reply.answer.status), reply)
