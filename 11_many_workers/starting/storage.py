"""Which storage: its four parts, opened and closed together, and what is said when it fails."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (redis-py is typed in part)

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from in_memory.broker import InMemorySSEBroker
from in_memory.replay_buffer import InMemorySSEReplayBuffer
from in_memory.sessions import InMemorySessions
from on_redis.broker import RedisSSEBroker
from on_redis.replay_buffer import RedisSSEReplayBuffer
from on_redis.sessions import RedisSessions
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from on_sqlite.sessions import SQLiteSessions
from on_sqlite.unfinished import SQLiteJobs
from sessions import SessionStore
from starting.limits import Settings

MOST_CONNECTIONS = 32  # of a worker, for commands; more wait for one to be free
TROUBLE = (RedisError, sqlite3.DatabaseError, TimeoutError)


@dataclass(frozen=True)
class Storage:
    sessions: SessionStore
    buffer: InMemorySSEReplayBuffer | SQLiteSSEReplayBuffer | RedisSSEReplayBuffer
    broker: InMemorySSEBroker | RedisSSEBroker
    work: str  # where the engine keeps its jobs
    unfinished: SQLiteJobs | None = None  # kept here where the engine forgets them with the process


def connect(url: str, patience: float) -> Redis:
    """A client that never repeats a command by itself: one that was not answered may have been done."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=patience,
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return Redis.from_pool(pool)


async def answers(url: str, patience: float = 1.0) -> bool:
    async with connect(url, patience) as client:
        try:
            return bool(await client.ping())
        except TROUBLE:
            return False


async def choose(settings: Settings) -> Literal["memory", "sqlite", "redis"]:
    """What was asked for, else Redis where one runs, else SQLite."""
    if settings.storage:
        return settings.storage
    return "redis" if await answers(settings.redis) else "sqlite"


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Storage]:
    limits = settings.limits
    storage = await choose(settings)
    async with AsyncExitStack() as stack:
        if storage == "redis":
            client = await stack.enter_async_context(connect(settings.redis, limits.patience))
            broker = await stack.enter_async_context(RedisSSEBroker(client))
            buffer = RedisSSEReplayBuffer(client, limits.max_events, limits.max_idle, limits.max_calls)
            yield Storage(RedisSessions(client, limits.max_idle), buffer, broker, for_work(settings))
        elif storage == "sqlite":
            buffer = SQLiteSSEReplayBuffer(
                settings.file, limits.max_events, limits.max_calls, limits.patience
            )
            stack.enter_context(closing(buffer))
            sessions = SQLiteSessions(settings.file, limits.max_idle, buffer.forget, limits.patience)
            stack.enter_context(closing(sessions))
            jobs = stack.enter_context(closing(SQLiteJobs(settings.file)))
            yield Storage(sessions, buffer, InMemorySSEBroker(), "memory://", jobs)
        else:
            buffer = InMemorySSEReplayBuffer(limits.max_events, limits.max_calls)
            sessions = InMemorySessions(limits.max_idle, buffer.forget)
            yield Storage(sessions, buffer, InMemorySSEBroker(), "memory://")


def for_work(settings: Settings) -> str:
    """The engine takes a connection for each job that begins or ends, and by default has a hundred."""
    url = urlsplit(settings.redis)
    more = urlencode({"max_connections": 2 * settings.limits.max_jobs + 10})
    return urlunsplit(url._replace(query=f"{url.query}&{more}" if url.query else more))


async def broken(settings: Settings) -> str | None:
    """Why the file cannot be used, found out before workers try to, one after the other."""
    try:
        async with opened(settings):
            return None
    except sqlite3.Error as error:
        return str(error)


def without_password(url: str) -> str:
    parts = urlsplit(url)
    own, at, where = parts.netloc.rpartition("@")
    user, colon, _ = own.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{colon and ':***'}{at}{where}"))


def excuse(error: BaseException) -> str:
    """One sentence for the client, which does not care for the storage's own words."""
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return "The storage is damaged, and this server cannot mend it: tell whoever runs it."
    if isinstance(error, OutOfMemoryError):
        return "The storage is full, and nothing was kept of this request: try again later."
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return "The storage is slow, and may have done this request or not: send it again, with the same id."
    return "The storage cannot be reached: try again in a moment."
