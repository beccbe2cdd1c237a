"""A server with tasks for 2026-07-28, small enough to read, which lies in one place at a time."""

import asyncio
import itertools
import json
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import BaseModel, Field, JsonValue
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from liar.door import check, read
from liar.messages import BAD_PARAMETERS, NO_METHOD, Message, Refusal, failure, parse
from tasks_era.lab import MODERN, TASKS
from tasks_era.lies import TaskLie

TTL, POLL = 6000, 50  # milliseconds
UNDECLARED = -32021
MOMENT = 0.3  # seconds
QUESTIONS = ("Shall it go on?", "Really?")
NEEDS: dict[str, JsonValue] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}


class Count(BaseModel):
    """The arguments of its tool."""

    count: int = Field(default=8, ge=1, le=1000, description="how many steps")
    interval: float = Field(default=0.05, ge=0, le=60, description="seconds after each of them")
    fail: bool = Field(default=False, description="end with the tool's own error")
    ask: bool = Field(default=False, description="ask twice before the end")


class Failure(Exception):  # noqa: N818 (an answer, not a mishap)
    def __init__(self, code: int, say: str, data: JsonValue = None) -> None:
        super().__init__(say)
        self.code, self.say, self.data = code, say, data


@dataclass
class Kept:
    id: str
    owner: str
    asked: Count
    created: datetime
    status: str = "working"
    message: str = ""
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    result: JsonValue = None
    error: JsonValue = None
    questions: dict[str, str] = field(default_factory=dict[str, str])
    polls: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[None] | None = None

    def change(self, status: str, message: str) -> None:
        self.status, self.message, self.updated = status, message, datetime.now(UTC)
        self.news.set()
        self.news = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")


class TasksEndpoint:
    def __init__(self, lie: TaskLie) -> None:
        self.lie = lie
        self.kept: dict[str, Kept] = {}
        self.numbers = itertools.count(1)
        self.works: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        message: Message | None = None
        try:
            check(request, (MODERN,), any_origin=self.lie is TaskLie.ASK_NO_ORIGIN)  # LIE
            if request.method != "POST":
                raise Refusal(405, "There is no session and no standing stream here: use POST.")
            message = await read(request, any_size=self.lie is TaskLie.TAKE_ANY_BODY)  # LIE
            answer = await self.answer(message, request.headers.get("authorization", ""))
        except Refusal as refusal:
            answer = JSONResponse(failure(None, -32600, refusal.say), refusal.status)
        except Failure as failed:
            error: dict[str, JsonValue] = {"code": failed.code, "message": failed.say}
            if failed.data is not None:
                error["data"] = failed.data
            told = {"jsonrpc": "2.0", "id": message.id if message else None, "error": error}
            answer = JSONResponse(told, 400)
        await answer(scope, receive, send)

    async def answer(self, message: Message, owner: str) -> Response:
        declares = TASKS in extensions(message)
        match message.method:
            case "server/discover":
                about: JsonValue = {"tools": {}, "extensions": {TASKS: {}}}
                result = self.complete({"supportedVersions": [MODERN], "capabilities": about})
            case "tools/list":
                tool: JsonValue = {"name": "count", "inputSchema": Count.model_json_schema()}
                result = self.complete({"tools": [tool]})
            case "tools/call":
                result = await self.call(message, owner, declares)
            case "tasks/get" | "tasks/update" | "tasks/cancel":
                self.must_declare(declares)
                result = await self.about_a_task(message, owner)
            case "subscriptions/listen":
                self.must_declare(declares)
                return StreamingResponse(self.listen(message, owner), media_type="text/event-stream")
            case method:
                raise Failure(NO_METHOD, f"There is no method {method[:60]!r} here.")
        return JSONResponse({"jsonrpc": "2.0", "id": message.id, "result": result})

    def complete(self, result: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return result if self.lie is TaskLie.SAY_NO_TYPE else {"resultType": "complete", **result}  # LIE

    def must_declare(self, declares: bool) -> None:
        if declares or self.lie is TaskLie.ASK_NO_EXTENSION:  # LIE
            return
        data = None if self.lie is TaskLie.SAY_NO_EXTENSION else NEEDS  # LIE
        raise Failure(UNDECLARED, "Declare the tasks extension in this request.", data)

    async def call(self, message: Message, owner: str, declares: bool) -> dict[str, JsonValue]:
        if message.params.get("name") != "count":
            raise Failure(BAD_PARAMETERS, "There is one tool here: count.")
        try:
            asked = parse(Count, json.dumps(message.params.get("arguments") or {}).encode())
        except Refusal as refusal:
            raise Failure(BAD_PARAMETERS, refusal.say) from None
        number = next(self.numbers)
        task_id = str(number) if self.lie is TaskLie.COUNT_IDS else secrets.token_hex(16)  # LIE
        task = Kept(task_id, owner, asked, datetime.now(UTC))
        if not declares and self.lie is not TaskLie.HAND_TO_ALL:  # LIE
            await self.run(task)
            return self.complete(task.result if isinstance(task.result, dict) else {})
        if self.lie is TaskLie.STORE_LATER:  # LIE
            asyncio.get_running_loop().call_later(MOMENT, self.keep, task)
        else:
            self.keep(task)
        return {"resultType": "task", **self.told(task)}

    def keep(self, task: Kept) -> None:
        self.kept[task.id] = task
        task.work = asyncio.create_task(self.run(task))
        self.works.add(task.work)
        task.work.add_done_callback(self.works.discard)
        if self.lie not in (TaskLie.KEEP_FOR_EVER, TaskLie.NEVER_END):  # LIE
            asyncio.get_running_loop().call_later(TTL / 1000, self.kept.pop, task.id, None)

    async def run(self, task: Kept) -> None:
        asked = task.asked
        for number in range(1, asked.count + 1):
            task.change("working", f"{number} of {asked.count}")
            await asyncio.sleep(asked.interval)
        if asked.ask:
            for number, question in enumerate(QUESTIONS, 1):
                key = "question" if self.lie is TaskLie.REUSE_KEYS else f"question-{number}"  # LIE
                task.questions[key] = question
                task.change("input_required", question)
                while task.questions:
                    await task.news.wait()
        if self.lie is TaskLie.NEVER_END:  # LIE
            return
        says = "It went wrong." if asked.fail else f"Counted to {asked.count}."
        text: JsonValue = [{"type": "text", "text": says}]
        if asked.fail and self.lie is TaskLie.FAIL_ON_ERRORS:  # LIE
            task.error = {"code": -32603, "message": says}
            task.change("failed", says)
            return
        if self.lie is not TaskLie.LOSE_THE_RESULT:  # LIE
            task.result = {"content": text, "isError": asked.fail}
        task.change("completed", "done")
        if self.lie is TaskLie.FORGET_EARLY:  # LIE
            asyncio.get_running_loop().call_later(1.0, self.kept.pop, task.id, None)

    def told(self, task: Kept) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {
            "taskId": task.id,
            "status": task.status,
            "createdAt": task.created.isoformat(),
            "lastUpdatedAt": max(task.updated, task.created).isoformat(),
            "ttlMs": TTL,
            "pollIntervalMs": POLL,
            "statusMessage": task.message,
        }
        if task.questions:
            told["inputRequests"] = {key: elicitation(asked) for key, asked in task.questions.items()}
        if task.status == "completed" and task.result is not None:
            told["result"] = task.result
        if task.error is not None:
            told["error"] = task.error
        return told

    def find(self, task_id: JsonValue, owner: str) -> Kept | None:
        task = self.kept.get(task_id) if isinstance(task_id, str) else None
        if task and (task.owner == owner or self.lie is TaskLie.SHARE_TASKS):  # LIE
            return task
        if self.lie is TaskLie.EMPTY_TASK:  # LIE
            return None
        raise Failure(BAD_PARAMETERS, "There is no such task.")

    async def about_a_task(self, message: Message, owner: str) -> dict[str, JsonValue]:
        task = self.find(message.params.get("taskId"), owner)
        if task is None:
            return self.complete({})
        match message.method:
            case "tasks/get":
                await self.lie_to_a_poll(task)
                return self.complete(self.told(task))
            case "tasks/update":
                self.take(task, message.params.get("inputResponses"))
            case _:
                if not task.is_over or self.lie is TaskLie.CANCEL_THE_DONE:  # LIE
                    self.cancel(task)
        return self.complete({})

    async def lie_to_a_poll(self, task: Kept) -> None:
        task.polls += 1
        if self.lie is TaskLie.MAKE_POLLS_WAIT and task.work:  # LIE
            await asyncio.wait({task.work})
        if self.lie is TaskLie.CHANGE_THE_RESULT and task.is_over:  # LIE
            task.result = {"content": [{"type": "text", "text": f"Asked {task.polls} times."}]}
        if self.lie is TaskLie.RUN_AGAIN and task.polls == 40 and task.work and not task.is_over:  # LIE
            task.work.cancel()
            task.work = asyncio.create_task(self.run(task))

    def take(self, task: Kept, answers: JsonValue) -> None:
        given = set(answers) if isinstance(answers, dict) else set[str]()
        keys = given & set(task.questions)
        if self.lie is TaskLie.HEED_ANY_KEY and given:  # LIE
            keys = set(task.questions)
        for key in keys:
            del task.questions[key]
        if keys:
            task.change("working", "answered")

    def cancel(self, task: Kept) -> None:
        if task.work:
            task.work.cancel()
        task.questions.clear()
        task.change("cancelled", "cancelled")

    async def listen(self, message: Message, owner: str) -> AsyncGenerator[str]:
        wanted = message.params.get("notifications")
        ids = wanted.get("taskIds") if isinstance(wanted, dict) else None
        mine = (
            [one for one in ids if isinstance(one, str) and one in self.kept] if isinstance(ids, list) else []
        )
        tasks = [task for one in mine if (task := self.kept[one]).owner == owner]
        agreed: JsonValue = {"notifications": {"taskIds": [task.id for task in tasks]}}
        yield event("notifications/subscriptions/acknowledged", agreed)
        try:
            for task in tasks:
                while not task.is_over or self.lie is TaskLie.TELL_NO_LISTENER:  # LIE
                    news = task.news
                    if self.lie is not TaskLie.TELL_NO_LISTENER:  # LIE
                        yield event("notifications/tasks", self.told(task))
                    await news.wait()
                yield event("notifications/tasks", self.told(task))
        finally:
            if self.lie is TaskLie.CANCEL_ON_CUT:  # LIE
                for task in tasks:
                    if not task.is_over:
                        self.cancel(task)

    def end(self) -> None:
        for work in self.works:
            work.cancel()


def extensions(message: Message) -> dict[str, JsonValue]:
    match message.params.get("_meta"):
        case {"io.modelcontextprotocol/clientCapabilities": {"extensions": dict(declared)}}:
            return declared
        case _:
            return {}


def elicitation(question: str) -> JsonValue:
    schema: JsonValue = {"type": "object", "properties": {"yes": {"type": "boolean"}}, "required": ["yes"]}
    return {"method": "elicitation/create", "params": {"message": question, "requestedSchema": schema}}


def event(method: str, params: JsonValue) -> str:
    return f"event: message\ndata: {json.dumps({'jsonrpc': '2.0', 'method': method, 'params': params})}\n\n"
