"""The laboratory of 2026-07-28: each POST is complete in itself, and long work is a task, which is polled.

declare  a client says in each request that it knows tasks; without that it must not be given one
handle   what a call is answered with that has become a task: its id, and how often to ask for it
told     a task as one answer tells it; over: completed, failed or cancelled, for good
"""

import asyncio
import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from pydantic import AwareDatetime, BaseModel, Field, JsonValue, ValidationError

from laboratory.events import messages
from laboratory.lab import Lab
from laboratory.oracle import Verdict
from laboratory.peer import Answer, Peer
from laboratory.tools import Arguments
from laws.law import broken

MODERN = "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
META = "io.modelcontextprotocol"
OVER = ("completed", "failed", "cancelled")
QUICKEST, SLOWEST = 0.02, 1.0  # seconds between two polls, whatever the server asks for
COUNTED = re.compile(r"\d+")


class Task(BaseModel):
    kind: str = Field(alias="resultType")
    id: str = Field(alias="taskId", min_length=1)
    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    created: AwareDatetime = Field(alias="createdAt")
    updated: AwareDatetime = Field(alias="lastUpdatedAt")
    ttl: int | None = Field(alias="ttlMs", ge=0)
    interval: int | None = Field(alias="pollIntervalMs", default=None, gt=0)
    message: str | None = Field(alias="statusMessage", default=None)
    asks: dict[str, JsonValue] | None = Field(alias="inputRequests", default=None)
    result: JsonValue = None
    error: JsonValue = None

    @property
    def is_over(self) -> bool:
        return self.status in OVER

    @property
    def pace(self) -> float:
        return min(SLOWEST, max(QUICKEST, (self.interval or 0) / 1000))

    @property
    def steps(self) -> int | None:
        """A number of steps done, if its message begins with one."""
        found = COUNTED.search(self.message or "")
        return int(found[0]) if found else None


@dataclass(frozen=True)
class Reply:
    """What one request was answered with."""

    answer: Answer
    result: dict[str, JsonValue] | None = None
    code: int | None = None
    error: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])

    @property
    def refused(self) -> bool:
        return self.code is not None and self.answer.status < 500

    def __str__(self) -> str:
        return f"-- {self.answer}"


class TasksLab(Lab):
    """What an uncut run has shown, and how the server is spoken to."""

    def __init__(self, peer: Peer, tool: str, other: dict[str, str]) -> None:
        super().__init__(peer, tool, Random(), None)  # noqa: S311 (it is not used)
        self.args: Arguments = {}
        self.args_that_fail: Arguments | None = None
        self.args_that_ask: Arguments | None = None
        self.other = other  # headers of somebody else, who has signed in, too
        self.lasts = 0.0  # seconds, of an uncut run
        self.result: JsonValue = None
        self.varies = False  # from run to run
        self.counts = False  # its status message only ever counts up
        self.listens = True

    def request(
        self, method: str, params: dict[str, JsonValue], declares: bool = True
    ) -> tuple[dict[str, str], bytes]:
        extensions: JsonValue = {TASKS: {}} if declares else {}
        meta: dict[str, JsonValue] = {
            f"{META}/protocolVersion": MODERN,
            f"{META}/clientInfo": {"name": "prove-it", "version": "1.0.0"},
            f"{META}/clientCapabilities": {"extensions": extensions, "elicitation": {"form": {}}},
        }
        headers = {"mcp-protocol-version": MODERN, "mcp-method": method}
        name = params.get("name", params.get("taskId"))
        if isinstance(name, str) and name.isascii() and name.isprintable():
            headers["mcp-name"] = name
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        return headers, json.dumps(body).encode()

    async def ask(
        self,
        method: str,
        params: dict[str, JsonValue] | None = None,
        *,
        declares: bool = True,
        headers: dict[str, str] | None = None,
        patience: float = 0.0,
    ) -> Reply:
        told, body = self.request(method, params or {}, declares)
        answer = await self.peer.ask("POST", told | (headers or {}), body, patience)
        for message in messages(answer.text):
            match message:
                case {"result": dict(result)}:
                    return Reply(answer, result)
                case {"error": {"code": int(code)} as error}:
                    return Reply(answer, code=code, error=error)
                case _:
                    pass
        return Reply(answer)

    async def begin(self, arguments: Arguments | None = None) -> Task:
        """Calls the tool, and is given a handle."""
        params: dict[str, JsonValue] = {
            "name": self.tool,
            "arguments": self.args if arguments is None else arguments,
        }
        reply = await self.ask("tools/call", params)
        if reply.result is None or reply.result.get("resultType") != "task":
            raise broken(Verdict.LOST, "a handle, as before", str(reply.answer.text[:200]), reply)
        return parsed(reply)

    async def get(self, task_id: str, *, patience: float = 0.0) -> Task:
        """What the server says of a task that it has given out."""
        reply = await self.ask("tasks/get", {"taskId": task_id}, patience=patience)
        if reply.result is None:
            came = str(reply.error.get("message", f"status {reply.answer.status}"))
            raise broken(Verdict.LOST, "the task that was given out", came, reply)
        return parsed(reply)

    async def to_its_end(self, task: Task, pace: float = 0.0) -> list[Task]:
        """All that polls tell of a task until it is over, or asks."""
        limit = 2 * self.peer.patience + 4 * self.lasts
        told = [task]
        try:
            async with asyncio.timeout(max(limit, 5.0)):
                while not told[-1].is_over and told[-1].status != "input_required":
                    await asyncio.sleep(pace or told[-1].pace)
                    told.append(await self.get(task.id))
        except TimeoutError:
            came = f"{told[-1].status} after {len(told)} polls"
            raise broken(Verdict.ENDLESS, f"an end: it took {self.lasts:.1f} s before", came) from None
        return told

    async def answer(self, task: Task, keys: dict[str, JsonValue]) -> Reply:
        reply = await self.ask("tasks/update", {"taskId": task.id, "inputResponses": keys})
        if reply.result is None:
            raise broken(Verdict.SILENT, "an empty result", reply.answer.text[:200], reply)
        return reply


def parsed(reply: Reply) -> Task:
    try:
        return Task.model_validate(reply.result)
    except ValidationError as mistake:
        first = mistake.errors()[0]
        came = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise broken(Verdict.MISLABELLED, "a task with all of its fields", came, reply) from None
