"""What a worker keeps, and where: opened and closed together, and what is said when it fails."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (redis-py is typed in part)

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from broker import SSEBroker
from in_memory.broker import InMemorySSEBroker, NoBroker
from in_memory.replay_buffer import InMemorySSEReplayBuffer
from in_memory.sessions import InMemorySessions
from jobs.counted_steps import with_steps
from jobs.steps import StepBuffer
from on_redis.broker import RedisSSEBroker
from on_redis.replay_buffer import RedisSSEReplayBuffer
from on_redis.sessions import RedisSessions
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from on_sqlite.sessions import SQLiteSessions
from on_sqlite.unfinished import SQLiteJobs
from replay_buffer import SSEReplayBuffer
from sessions import SessionStore
from starting.limits import Settings
from starting.own_buffer import UnusableError, made

MOST_CONNECTIONS = 32  # of a worker, for commands; more wait for one to be free
TROUBLE = (RedisError, sqlite3.DatabaseError, TimeoutError)


@dataclass(frozen=True)
class Storage:
    sessions: SessionStore
    buffer: StepBuffer
    broker: SSEBroker
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


async def chosen(settings: Settings) -> Settings:
    """What was asked for, else Redis where one runs, else SQLite."""
    return settings.on(settings.storage or ("redis" if await answers(settings.redis) else "sqlite"))


@asynccontextmanager
async def opened(settings: Settings) -> AsyncGenerator[Storage]:
    settings, limits = await chosen(settings), settings.limits
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connect(settings.redis, limits.patience))
        buffer = with_steps(buffer_of(settings, client, stack), limits)
        broker: SSEBroker = NoBroker() if settings.broker == "none" else InMemorySSEBroker()
        if settings.broker == "redis":
            broker = await stack.enter_async_context(RedisSSEBroker(client))
        if settings.storage == "redis":
            yield Storage(RedisSessions(client, limits.max_idle), buffer, broker, for_work(settings))
        elif settings.storage == "sqlite":
            sessions = SQLiteSessions(settings.file, limits.max_idle, buffer.forget, limits.patience)
            stack.enter_context(closing(sessions))
            jobs = stack.enter_context(closing(SQLiteJobs(settings.file)))
            yield Storage(sessions, buffer, broker, "memory://", jobs)
        else:
            yield Storage(InMemorySessions(limits.max_idle, buffer.forget), buffer, broker, "memory://")


def buffer_of(settings: Settings, client: Redis, stack: AsyncExitStack) -> SSEReplayBuffer | None:
    limits = settings.limits
    bounds = limits.max_events, limits.max_session_events
    match settings.buffer:
        case "none":
            return None
        case "memory":
            return InMemorySSEReplayBuffer(limits.max_events)
        case "redis":
            return RedisSSEReplayBuffer(client, *bounds, limits.max_idle)
        case "sqlite":
            buffer = SQLiteSSEReplayBuffer(settings.file, *bounds, limits.patience)
            return stack.enter_context(closing(buffer))
        case own:
            return made(str(own), limits.max_events)


def for_work(settings: Settings) -> str:
    """The engine takes a connection for each job that begins or ends, and by default has a hundred."""
    url = urlsplit(settings.redis)
    more = urlencode({"max_connections": 2 * settings.limits.max_jobs + 10})
    return urlunsplit(url._replace(query=f"{url.query}&{more}" if url.query else more))


async def broken(settings: Settings) -> str | None:
    """Why it cannot be used, found out before workers try to, one after the other."""
    try:
        async with opened(settings):
            return None
    except sqlite3.Error as error:
        return f"Sessions cannot be kept in {settings.file} ({error}): choose another file with --file."
    except UnusableError as error:
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
