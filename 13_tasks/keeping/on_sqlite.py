"""Tasks in a file, which the next process opens. One process at a time: a second one is refused."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

from keeping.limits import Limits
from news import Look, News
from task import Task

SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, call TEXT, expires REAL NOT NULL, status TEXT NOT NULL,
    version INTEGER NOT NULL, task TEXT NOT NULL, UNIQUE (owner, call)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_expiry ON tasks (expires);
CREATE INDEX IF NOT EXISTS by_status ON tasks (status);
CREATE TABLE IF NOT EXISTS lines (
    task TEXT NOT NULL, place INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY (task, place)) WITHOUT ROWID;
"""


class SQLiteTaskStore:
    def __init__(self, file: str | Path, limits: Limits) -> None:
        self._limits, self._news = limits, News()
        self._database = opened(file)
        # Nobody else has the file, so nobody works on what is at work: it is taken up again.
        rows = self._all("SELECT id FROM tasks WHERE status = 'working'")
        self._untaken = {str(row[0]): None for row in rows}
        # Nobody else changes the file, so what a limit counts is counted here, and not at each addition.
        counted = self._all("SELECT owner, COUNT(*) FROM tasks GROUP BY owner")
        self._owned = Counter({owner: int(count) for owner, count in counted})
        self._kept = self._owned.total()
        self._waiting = int(self._all("SELECT COUNT(*) FROM tasks WHERE status = 'input_required'")[0][0])

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self._database.close()

    def _all(self, question: str, *values: object) -> list[tuple[str, ...]]:
        return self._database.execute(question, values).fetchall()

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """All of it, or nothing: a process that dies in the middle has done nothing (law 1)."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    async def add(self, task: Task) -> Task:
        if task.call:
            begun = self._all("SELECT task FROM tasks WHERE owner = ? AND call = ?", task.owner, task.call)
            if begun:
                return Task.model_validate_json(begun[0][0])
        self._limits.check(self._kept, self._owned[task.owner])
        self._all(
            "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?)",
            task.id,
            task.owner,
            task.call or None,
            task.expires,
            task.status,
            task.version,
            task.model_dump_json(),
        )
        self._kept += 1
        self._owned[task.owner] += 1
        self._untaken[task.id] = None
        return task

    async def find(self, task_id: str) -> Task | None:
        rows = self._all("SELECT task FROM tasks WHERE id = ?", task_id)
        return Task.model_validate_json(rows[0][0]) if rows else None

    async def save(self, task: Task, line: str | None = None) -> bool:
        with self._transaction():
            before = self._all("SELECT version, status FROM tasks WHERE id = ?", task.id)
            if not before or int(before[0][0]) != task.version:
                return False
            turned = task.status != before[0][1]
            if turned and task.status == "input_required":
                self._limits.check_waiting(self._waiting)
            task.version += 1
            self._all(
                "UPDATE tasks SET task = ?, status = ?, version = ? WHERE id = ?",
                task.model_dump_json(),
                task.status,
                task.version,
                task.id,
            )
            if line is not None:
                self._all("INSERT INTO lines VALUES (?, ?, ?)", task.id, task.steps, line)
        if turned:
            self._waiting += (task.status == "input_required") - (before[0][1] == "input_required")
        if turned and task.status == "working":
            self._untaken[task.id] = None
        self._news.tell(task.id)
        return True

    async def log(self, task_id: str, after: int, most: int) -> list[str]:
        asked = "SELECT line FROM lines WHERE task = ? AND place > ? ORDER BY place LIMIT ?"
        return [row[0] for row in self._all(asked, task_id, after, most)]

    async def take(self, most: int) -> list[Task]:
        taken: list[Task] = []
        for task_id in list(self._untaken)[: max(0, most)]:
            del self._untaken[task_id]
            task = await self.find(task_id)
            if task and task.status == "working":
                taken.append(task)
        return taken

    async def renew(self, task_ids: list[str]) -> None:
        """In one process nobody else could take them."""

    async def purge(self) -> None:
        now = time.time()
        asked = "SELECT id, owner, status FROM tasks WHERE expires <= ? LIMIT 1000"
        if not (old := self._all(asked, now)):
            return
        with self._transaction():
            for task_id, _, _ in old:
                self._all("DELETE FROM tasks WHERE id = ?", task_id)
                self._all("DELETE FROM lines WHERE task = ?", task_id)
        for task_id, owner, status in old:
            self._kept -= 1
            self._owned -= Counter([owner])  # an owner without tasks is forgotten
            self._waiting -= status == "input_required"
            self._untaken.pop(task_id, None)
            self._news.tell(task_id)

    def watch(self, *task_ids: str) -> AbstractContextManager[Look]:
        return self._news.watch(*task_ids)


def opened(file: str | Path) -> sqlite3.Connection:
    """A write-ahead log: a commit survives the death of any process. A power cut may undo the last ones."""
    before = os.umask(0o077)  # task ids lie in it, and who knows one is in
    try:
        database = sqlite3.connect(file, isolation_level=None, timeout=1)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")  # the system lets go of it when the process dies
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(SCHEMA)
        database.executescript("BEGIN IMMEDIATE; COMMIT")
    finally:
        os.umask(before)
    return database
