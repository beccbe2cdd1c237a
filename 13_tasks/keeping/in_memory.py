"""Tasks in this process, and gone with it."""

import time
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext

from keeping.limits import Limits
from news import Look, News
from task import Task


class InMemoryTaskStore:
    def __init__(self, limits: Limits) -> None:
        self._limits, self._news = limits, News()
        self._tasks: dict[str, str] = {}  # as JSON: who changes what it was given changes nothing here
        self._expires: dict[str, float] = {}  # in the order of creation, so the oldest is the first
        self._logs: dict[str, list[str]] = {}
        self._calls: dict[tuple[str, str], str] = {}
        self._owned: dict[str, int] = {}
        self._waiting: set[str] = set()
        self._untaken: dict[str, None] = {}

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def add(self, task: Task) -> Task:
        if task.call and (begun := self._calls.get((task.owner, task.call))):
            return Task.model_validate_json(self._tasks[begun])
        self._limits.check(len(self._tasks), self._owned.get(task.owner, 0))
        self._tasks[task.id], self._logs[task.id] = task.model_dump_json(), []
        self._expires[task.id] = task.expires
        self._owned[task.owner] = self._owned.get(task.owner, 0) + 1
        if task.call:
            self._calls[task.owner, task.call] = task.id
        self._untaken[task.id] = None
        return task

    async def find(self, task_id: str) -> Task | None:
        kept = self._tasks.get(task_id)
        return Task.model_validate_json(kept) if kept else None

    async def save(self, task: Task, line: str | None = None) -> bool:
        now = await self.find(task.id)
        if now is None or now.version != task.version:
            return False
        if task.status == "input_required" and now.status != task.status:
            self._limits.check_waiting(len(self._waiting))
            self._waiting.add(task.id)
        if task.status != "input_required":
            self._waiting.discard(task.id)
        if task.status == "working" and now.status != task.status:
            self._untaken[task.id] = None
        if task.is_over:
            self._untaken.pop(task.id, None)
        task.version += 1
        self._tasks[task.id] = task.model_dump_json()
        if line is not None:
            self._logs[task.id].append(line)
        self._news.tell(task.id)
        return True

    async def log(self, task_id: str, after: int, most: int) -> list[str]:
        return self._logs.get(task_id, [])[after : after + most]

    async def take(self, most: int) -> list[Task]:
        ids = list(self._untaken)[: max(0, most)]
        for task_id in ids:
            del self._untaken[task_id]
        return [Task.model_validate_json(self._tasks[task_id]) for task_id in ids]

    async def renew(self, task_ids: list[str]) -> None:
        """In one process nobody else could take them."""

    async def purge(self) -> None:
        now = time.time()
        while self._expires and self._expires[oldest := next(iter(self._expires))] <= now:
            task = Task.model_validate_json(self._tasks.pop(oldest))
            del self._logs[oldest], self._expires[oldest]
            self._waiting.discard(oldest)
            self._untaken.pop(oldest, None)
            self._calls.pop((task.owner, task.call), None)
            self._owned[task.owner] -= 1
            if not self._owned[task.owner]:
                del self._owned[task.owner]
            self._news.tell(oldest)

    def watch(self, *task_ids: str) -> AbstractContextManager[Look]:
        return self._news.watch(*task_ids)
