"""What keeps tasks: a small interface, and how a task is changed while others change it, too.

A store keeps a task and the new line of its log in one transaction, or neither (law 1). It saves a task only
if nobody has changed it since it was read: of two workers with the same step one is told that it is late.
"""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

from news import Look
from task import Task, UnknownTaskError


class TaskStore(Protocol):
    def running(self) -> AbstractAsyncContextManager[None]:
        """As long as the server runs."""
        ...

    async def add(self, task: Task) -> Task:
        """Keep a new task, or give the one that the same call of the same owner has begun. `FullError`."""
        ...

    async def find(self, task_id: str) -> Task | None: ...

    async def save(self, task: Task, line: str | None = None) -> bool:
        """Keep a changed task, and a line of its log; False if somebody else was first. `FullError`."""
        ...

    async def log(self, task_id: str, after: int, most: int) -> list[str]:
        """The lines that follow one: a cursor is a place, so this costs what was missed (law 10)."""
        ...

    async def take(self, most: int) -> list[Task]:
        """Tasks at work that nobody works on; from now on it is you who does."""
        ...

    async def renew(self, task_ids: list[str]) -> None:
        """You still work on them. Whoever does not say so in time has died, and another takes them."""
        ...

    async def purge(self) -> None:
        """Forget what has expired."""
        ...

    def watch(self, *task_ids: str) -> AbstractContextManager[Look]:
        """What says *look* after each change of one of these tasks."""
        ...


async def found(store: TaskStore, task_id: str, owner: str) -> Task:
    """A task, for the one whose it is. What cannot be had looks the same, whatever the reason (law 7)."""
    task = await store.find(task_id)
    if task is None or task.owner != owner or task.expires <= time.time():
        raise UnknownTaskError(task_id)
    return task


async def change(
    store: TaskStore, task_id: str, how: Callable[[Task], bool], line: str | None = None
) -> tuple[Task, bool]:
    """The task, and whether `how` has changed it. It is asked again if somebody else was first."""
    while True:
        task = await store.find(task_id)
        if task is None or task.expires <= time.time():
            raise UnknownTaskError(task_id)
        if not how(task):
            return task, False
        task.updated = time.time()
        if await store.save(task, line):
            return task, True
