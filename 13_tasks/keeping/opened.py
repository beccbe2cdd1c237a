"""The store that the flags ask for."""

import asyncio
import sqlite3
import sys

from keeping.in_memory import InMemoryTaskStore
from keeping.on_redis import RedisTaskStore, answers
from keeping.on_sqlite import SQLiteTaskStore
from server_side.settings import Settings
from task_store import TaskStore


def opened(settings: Settings) -> TaskStore:
    if settings.store == "sqlite":
        try:
            return SQLiteTaskStore(settings.file, settings.limits)
        except sqlite3.Error as error:
            why = "another server uses it" if "locked" in str(error) else str(error)
            sys.exit(f"Tasks cannot be kept in {settings.file} ({why}): choose another file with --file.")
    if settings.store == "redis":
        if not asyncio.run(answers(settings.redis)):
            sys.exit(f"There is no Redis at {settings.redis}: start one, or name another with --redis.")
        return RedisTaskStore(settings.redis, settings.limits, settings.lease)
    return InMemoryTaskStore(settings.limits)
