"""Tasks in Redis, for many workers: any of them answers `tasks/get`, and one of them works on each task.

lease  until when a worker works on a task; one that does not renew it has died, and another takes the task

A change is one script, so one round trip, and nobody sees half of it (law 1). The leases stand in a sorted
set, where lesson 11 has an engine with turns: here it is enough to know who is late.
"""

# pyright: reportUnknownMemberType=false
# (redis-py is typed in part)

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AbstractContextManager
from typing import TypeVar, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from keeping.limits import Limits
from news import Look, News
from task import FullError, StoreError, Task

T = TypeVar("T")
PREFIX = "lesson-13"
CONNECTIONS, PATIENCE = 32, 5.0  # seconds for an answer
AGAIN = 0.5  # seconds until Redis is tried again
NOW = "local now = redis.call('TIME'); now = now[1] + now[2] / 1000000\n"
# ARGV: prefix; then what each script names first
ADD = f"""{NOW}
local id, task, version, expires, owner, call, most, owned = unpack(ARGV, 2)
local all, own, due = ARGV[1] .. ':all', ARGV[1] .. ':of:' .. owner, ARGV[1] .. ':due'
local begun = call ~= '' and redis.call('GET', ARGV[1] .. ':call:' .. owner .. ':' .. call)
if begun then return {{redis.call('HGET', ARGV[1] .. ':task:' .. begun, 'task'), 0, 0}} end
redis.call('ZREMRANGEBYSCORE', all, '-inf', now)
redis.call('ZREMRANGEBYSCORE', own, '-inf', now)
local kept, mine = redis.call('ZCARD', all), redis.call('ZCARD', own)
if kept >= tonumber(most) or mine >= tonumber(owned) then return {{'', kept, mine}} end
local at = math.ceil(expires * 1000)
local key = ARGV[1] .. ':task:' .. id
redis.call('HSET', key, 'task', task, 'version', version, 'status', 'working')
redis.call('PEXPIREAT', key, at)
redis.call('ZADD', all, expires, id)
redis.call('ZADD', own, expires, id)
redis.call('PEXPIREAT', own, at)
redis.call('ZADD', due, 0, id)
if call ~= '' then redis.call('SET', ARGV[1] .. ':call:' .. owner .. ':' .. call, id, 'PXAT', at) end
return {{task, 0, 0}}
"""
SAVE = f"""{NOW}
local id, task, version, status, expires, waiting, has_line, line = unpack(ARGV, 2)
local key, due, asked = ARGV[1] .. ':task:' .. id, ARGV[1] .. ':due', ARGV[1] .. ':waiting'
local was = redis.call('HMGET', key, 'version', 'status')
if was[1] ~= version then return -1 end
if status == 'input_required' and was[2] ~= status then
  redis.call('ZREMRANGEBYSCORE', asked, '-inf', now)
  local others = redis.call('ZCARD', asked)
  if others >= tonumber(waiting) then return others end
  redis.call('ZADD', asked, expires, id)
end
if status ~= 'input_required' then redis.call('ZREM', asked, id) end
if status ~= 'working' then redis.call('ZREM', due, id) end
if status == 'working' and was[2] ~= status then redis.call('ZADD', due, 0, id) end
redis.call('HSET', key, 'task', task, 'version', version + 1, 'status', status)
if has_line == '1' then
  redis.call('RPUSH', ARGV[1] .. ':log:' .. id, line)
  redis.call('PEXPIREAT', ARGV[1] .. ':log:' .. id, math.ceil(expires * 1000))
end
redis.call('PUBLISH', ARGV[1] .. ':news', id)
return -2
"""
TAKE = f"""{NOW}
local due, taken = ARGV[1] .. ':due', {{}}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local task = redis.call('HGET', ARGV[1] .. ':task:' .. id, 'task')
  if task then
    redis.call('ZADD', due, now + ARGV[3], id)
    table.insert(taken, task)
  else
    redis.call('ZREM', due, id)
  end
end
return taken
"""
RENEW = f"""{NOW}
for place = 3, #ARGV do redis.call('ZADD', ARGV[1] .. ':due', 'XX', now + ARGV[2], ARGV[place]) end
"""


class RedisTaskStore:
    def __init__(self, url: str, limits: Limits, lease: float) -> None:
        self._limits, self._lease, self._news = limits, lease, News()
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=PATIENCE,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            decode_responses=True,
            protocol=2,
        )
        self._redis = Redis.from_pool(pool)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        hearing = asyncio.create_task(self._hear())
        try:
            yield
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing
            await self._redis.aclose()

    async def _hear(self) -> None:
        """News of other workers. What came while nobody heard is not known: so all who watch look."""
        while True:
            with contextlib.suppress(RedisError):
                async with self._redis.pubsub() as heard:
                    await heard.subscribe(f"{PREFIX}:news")
                    self._news.tell_all()
                    while True:
                        message = cast(
                            "dict[str, str] | None",
                            await heard.get_message(ignore_subscribe_messages=True, timeout=PATIENCE / 2),
                        )
                        if message:
                            self._news.tell(message["data"])
            await asyncio.sleep(AGAIN)

    async def _script(self, script: str, *values: str | float) -> object:
        return await asked(self._redis.eval(script, 0, PREFIX, *values))

    async def add(self, task: Task) -> Task:
        names = task.id, task.model_dump_json(), task.version, task.expires, task.owner, task.call
        most = self._limits.max_tasks, self._limits.max_owned
        kept, all_tasks, owned = cast("list[str | int]", await self._script(ADD, *names, *most))
        if not kept:
            self._limits.check(int(all_tasks), int(owned))
        return Task.model_validate_json(str(kept))

    async def find(self, task_id: str) -> Task | None:
        kept = self._redis.hget(f"{PREFIX}:task:{task_id}", "task")
        task = await asked(cast("Awaitable[str | None]", kept))
        return Task.model_validate_json(task) if task else None

    async def save(self, task: Task, line: str | None = None) -> bool:
        seen = str(task.version)
        task.version += 1
        names = task.id, task.model_dump_json(), seen, task.status, task.expires
        more = self._limits.max_waiting, "0" if line is None else "1", line or ""
        saved = cast("int", await self._script(SAVE, *names, *more))
        if saved >= 0:
            self._limits.check_waiting(saved)
            raise FullError("There is no room.")
        return saved == -2

    async def log(self, task_id: str, after: int, most: int) -> list[str]:
        lines = self._redis.lrange(f"{PREFIX}:log:{task_id}", after, after + most - 1)
        return await asked(cast("Awaitable[list[str]]", lines))

    async def take(self, most: int) -> list[Task]:
        if most <= 0:
            return []
        taken = cast("list[str]", await self._script(TAKE, most, self._lease))
        return [Task.model_validate_json(task) for task in taken]

    async def renew(self, task_ids: list[str]) -> None:
        if task_ids:
            await self._script(RENEW, self._lease, *task_ids)

    async def forget_all(self) -> None:
        """For tests and benchmarks: as on a new Redis."""
        await asked(self._redis.flushdb())

    async def purge(self) -> None:
        """Redis itself forgets what has expired."""

    def watch(self, *task_ids: str) -> AbstractContextManager[Look]:
        return self._news.watch(*task_ids)


async def asked(answer: Awaitable[T]) -> T:
    try:
        return await answer
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreError(f"The tasks cannot be reached ({type(error).__name__}): try again soon.") from None


async def answers(url: str) -> bool:
    """Whether a Redis is there."""
    async with Redis.from_url(url, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE) as redis:
        try:
            return bool(await redis.ping())
        except (RedisError, OSError):
            return False
