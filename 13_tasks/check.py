"""Grades the exercise from outside: nobody waits for ever for an answer that does not come."""

import plumbing.ctrl_c

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from pydantic import BaseModel, JsonValue, ValidationError

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for one server; only what hangs uses them up
MAX_WAIT = 2.0
ERA, META = "2026-07-28", "io.modelcontextprotocol"
UNREADABLE = (BrokenError, httpx2.HTTPError, TimeoutError, ValidationError)


class Told(BaseModel):
    """What `tasks/get` says."""

    status: str
    result: dict[str, JsonValue] = {}


class Answer(BaseModel):
    result: dict[str, JsonValue]


class Server:
    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self._url, self._http = url, http

    async def ask(self, method: str, name: str, params: dict[str, JsonValue]) -> dict[str, JsonValue]:
        meta: JsonValue = {
            f"{META}/protocolVersion": ERA,
            f"{META}/clientInfo": {"name": "check.py", "version": "1.0.0"},
            f"{META}/clientCapabilities": {"extensions": {f"{META}/tasks": {}}},
        }
        headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": ERA}
        body: JsonValue = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": meta}}
        headers |= {"mcp-method": method, "mcp-name": name}
        answer = await self._http.post(self._url, json=body, headers=headers)
        return Answer.model_validate_json(answer.text).result

    async def begin(self, interval: float = 0.0) -> str:
        arguments: JsonValue = {"steps": 3, "interval": interval, "approval": True}
        name = "build_project"
        return str((await self.ask("tools/call", name, {"name": name, "arguments": arguments}))["taskId"])

    async def get(self, task: str) -> Told:
        return Told.model_validate(await self.ask("tasks/get", task, {"taskId": task}))

    async def answer(self, task: str) -> None:
        answer: JsonValue = {"publish": {"action": "accept", "content": {"approve": True}}}
        await self.ask("tasks/update", task, {"taskId": task, "inputResponses": answer})

    async def until(self, task: str, *statuses: str) -> Told:
        while True:
            told = await self.get(task)
            if told.status in statuses:
                return told
            await asyncio.sleep(0.1)


@asynccontextmanager
async def serving(file: Path, port: str = "0") -> AsyncGenerator[tuple[Speaker, Server]]:
    flags = ("--port", port, "--store", "sqlite", "--file", str(file), "--max-wait", str(MAX_WAIT))
    async with (
        asyncio.timeout(PATIENCE),
        STAGE.speaking("server", "server.py", *flags) as server,
        httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http,
    ):
        yield server, Server(await server.address(), http)


def is_published(told: Told) -> bool:
    return told.status == "completed" and not told.result.get("isError") and "built" in str(told.result)


def is_given_up(told: Told) -> bool:
    return told.status == "completed" and bool(told.result.get("isError"))


async def grade_waiting(grade: Grade, folder: Path) -> None:
    file = folder / "tasks.db"
    async with serving(file) as (running, server):
        task = await server.begin()
        await server.until(task, "input_required")
        await server.answer(task)
        grade.holds(
            is_published(await server.until(task, "completed")),
            "an answer that comes in time counts",
            "The clock begins with the question.",
        )
        slow = await server.begin(MAX_WAIT / 2 + 0.2)  # two steps, and then the question
        asked = await server.until(slow, "input_required", "completed")
        if asked.status == "input_required":
            await server.answer(slow)
            asked = await server.until(slow, "completed")
        grade.holds(
            is_published(asked),
            "the time in which the tool works does not count",
            "The task is older than its question: which moment is written down when it asks?",
        )
        task, other = await server.begin(), await server.begin()
        await server.until(task, "input_required")
        await server.until(other, "input_required")
        await asyncio.sleep(MAX_WAIT + 0.5)  # it is the waiting that is tested
        told = await server.get(task)
        grade.holds(
            is_given_up(told),
            f"--max-wait {MAX_WAIT:g}: after that the task is completed, with a tool error",
            f"It is {told.status}. `failed` is for JSON-RPC errors only.",
        )
        await server.answer(task)
        grade.holds(
            is_given_up(await server.get(task)) and is_given_up(told),
            "an answer that comes too late changes nothing",
            "The task must be over in the store, not only in what `tasks/get` says.",
        )
        await server.answer(other)
        await asyncio.sleep(0.3)
        grade.holds(
            is_given_up(await server.get(other)),
            "nor where nobody has looked since",
            "Who looks first may be `tasks/update`.",
        )
        task = await server.begin()
        await server.until(task, "input_required")
        running.process.kill()
        await running.end()
    await asyncio.sleep(MAX_WAIT)
    async with serving(file) as (_, server):
        grade.holds(
            is_given_up(await server.get(task)),
            "the clock runs on while the server is dead",
            "A timer dies with its process. A moment that is written down does not.",
        )


async def grade() -> int:
    grade = Grade(STAGE)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            await grade_waiting(grade, Path(folder))
    except UNREADABLE as error:
        what = str(error) or "It took too long."
        hint = "Settings in server_side/settings.py is where flags come from; `Tasks.of` sees each task."
        grade.holds(False, "the server takes --max-wait, and answers", f"{hint} {what}")
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
