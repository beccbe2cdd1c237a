"""Lesson 13: what `tasks/get` costs with 10 and 100,000 tasks kept, and what a task that waits costs.

    uv run --group lesson-11 benchmarks/task_costs.py

The peers are the least that can be done on the same SDK: a dict, and a SELECT. Each number is a median over
rounds; all that is compared is asked in turns, so that a busy machine slows all of it alike.
"""

import asyncio
import gc
import json
import os
import platform
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "13_tasks"))

from mcp.client import Client, advertise
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import MCPServer
from mcp.types import Request, Result

from keeping.in_memory import InMemoryTaskStore
from keeping.limits import Limits
from keeping.on_sqlite import SQLiteTaskStore
from task import Task
from task_store import TaskStore, change
from tasks import TaskParams, Tasks
from work import Work

FEW, MANY, WAITING = 10, 100_000, 10_000
ROUNDS, ASKED = 15, 60
BAR = 3.0
LIMITS = Limits(max_tasks=10**9, max_owned=10**9, max_waiting=10**9)
ERA = "2026-07-28"
Ctx = ServerRequestContext[Any, Any]


class GetTask(Request[TaskParams, str]):
    method: str = "tasks/get"
    params: TaskParams


class Told(Result):
    task_id: str


class Bare(Extension):
    """The least: a look-up, and the answer."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self, find: Callable[[str], dict[str, Any]]) -> None:
        self._find = find

    def methods(self) -> tuple[MethodBinding, ...]:
        return (MethodBinding("tasks/get", TaskParams, self.get),)

    async def get(self, _ctx: Ctx, params: TaskParams) -> HandlerResult:
        return {"resultType": "complete"} | self._find(params.task_id)


def begun() -> Task:
    return Task.begin("build_project", {"steps": 8, "interval": 0.3}, 36_000.0, "", "")


async def kept_in(store: TaskStore, count: int) -> str:
    """So many tasks, and the id of one of them."""
    tasks = [begun() for _ in range(count)]
    for task in tasks:
        await store.add(task)
    return tasks[count // 2].id


def bare_dict(count: int) -> tuple[Extension, str]:
    tasks = [begun() for _ in range(count)]
    kept = {task.id: task.told(1000) for task in tasks}
    return Bare(kept.__getitem__), tasks[count // 2].id


def bare_select(count: int, file: Path) -> tuple[Extension, str]:
    tasks = [begun() for _ in range(count)]
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("CREATE TABLE tasks (id TEXT PRIMARY KEY, told TEXT)")
    rows = [(task.id, json.dumps(task.told(1000))) for task in tasks]
    database.execute("BEGIN")
    database.executemany("INSERT INTO tasks VALUES (?, ?)", rows)
    database.execute("COMMIT")

    def find(task_id: str) -> dict[str, Any]:
        told: str = database.execute("SELECT told FROM tasks WHERE id = ?", (task_id,)).fetchone()[0]
        return json.loads(told)

    return Bare(find), tasks[count // 2].id


def of(store: TaskStore) -> Extension:
    return Tasks(["build_project"], store, Work(store, LIMITS, 1, 1.0), LIMITS, 36_000.0, 1000)


async def microseconds(extensions: dict[str, tuple[Extension, str]]) -> dict[str, float]:
    """For one `tasks/get` through the SDK, in this process; asked in turns."""
    asks: dict[str, Callable[[], Awaitable[object]]] = {}
    took: dict[str, list[float]] = {name: [] for name in extensions}
    async with AsyncExitStack() as stack:
        for name, (extension, task_id) in extensions.items():
            server = MCPServer(name, log_level="ERROR", extensions=[extension])
            known = [advertise(Bare.identifier)]
            client = await stack.enter_async_context(Client(server, mode=ERA, extensions=known))
            request = GetTask(params=TaskParams(task_id=task_id))
            asks[name] = lambda client=client, request=request: client.session.send_request(request, Told)
        for _ in range(ROUNDS):
            for name, ask in asks.items():
                began = time.perf_counter()
                for _ in range(ASKED):
                    await ask()
                took[name].append((time.perf_counter() - began) / ASKED * 1e6)
    return {name: median(rounds) for name, rounds in took.items()}


async def waiting_bytes(store: TaskStore) -> float:
    """Of this process's memory, for a task that waits for an answer."""
    gc.collect()
    before = resident()
    for _ in range(WAITING):
        task = await store.add(begun())
        await change(store, task.id, lambda now: now.note(1, "1 of 8, fetch, in run 5be1f3a0", 10, 10**6))
        await change(store, task.id, lambda now: now.ask("publish", {"message": "Publish demo?"}, 10**6))
    await store.take(WAITING)
    gc.collect()
    return (resident() - before) / WAITING


def resident() -> int:
    if sys.platform == "linux":
        pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
        return pages * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        memory = await waiting_bytes(InMemoryTaskStore(LIMITS))
        file = await waiting_bytes(SQLiteTaskStore(folder / "waiting.db", LIMITS))
        extensions: dict[str, tuple[Extension, str]] = {}
        for count in (FEW, MANY):
            in_memory = InMemoryTaskStore(LIMITS)
            on_sqlite = SQLiteTaskStore(folder / f"{count}.db", LIMITS)
            extensions[f"memory, {count}"] = of(in_memory), await kept_in(in_memory, count)
            extensions[f"dict, {count}"] = bare_dict(count)
            extensions[f"SQLite, {count}"] = of(on_sqlite), await kept_in(on_sqlite, count)
            extensions[f"SELECT, {count}"] = bare_select(count, folder / f"bare-{count}.db")
        took = await microseconds(extensions)
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores\n")
    print(f"| microseconds for `tasks/get` | {FEW} tasks kept | {MANY:,} tasks kept |\n|---|---|---|")
    for kind in ("memory", "dict", "SQLite", "SELECT"):
        print(f"| {kind} | {took[f'{kind}, {FEW}']:.0f} | {took[f'{kind}, {MANY}']:.0f} |")
    print(f"\na task that waits: {memory:.0f} bytes in memory, {file:.0f} bytes of memory with SQLite")
    missed = [
        f"{ours}, {count}"
        for count in (FEW, MANY)
        for ours, bare in (("memory", "dict"), ("SQLite", "SELECT"))
        if took[f"{ours}, {count}"] > BAR * took[f"{bare}, {count}"]
    ]
    print(f"missed: {missed}" if missed else f"each within {BAR:g} times of the least that can be done")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
