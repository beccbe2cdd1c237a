"""How many jobs there may be, of all and of each session (law 8). A call beyond that begins nothing.

queue  the jobs that are not over: at work, asleep until their next step, or waiting for a place
calls  of a session: its jobs, each with what it was asked for, so that an id is used for one thing only
open   of a session: its jobs that are in the queue
over   of a session: its jobs that are over; of these the latest are remembered, and not for ever
"""

import asyncio
import time
from typing import cast

from docket import Docket

from jobs.build import Build
from plumbing.door import Refusal
from starting.limits import Limits

REMEMBERED = 200  # jobs of a session that are over, for as long as the session may be idle

LAST = """
local until_then = math.max(now + lasting, tonumber(redis.call('HGET', calls, 'until') or 0))
redis.call('HSET', calls, 'until', until_then)
for _, key in ipairs({calls, open, over}) do
  redis.call('EXPIRE', key, math.ceil(until_then - now))
end
"""
ENTER = f"""
local calls, open, over, stream, queue = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local job, now, lasting, asked = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local most_of_session, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local known = redis.call('HGET', calls, job)
if known and known ~= asked then return 'other' end
if known and redis.call('ZSCORE', over, job) then return 'over' end
if not known then
  if redis.call('ZCARD', open) >= most_of_session then return 'full for the session' end
  if redis.call('XLEN', stream) + redis.call('ZCARD', queue) >= most then return 'full' end
  redis.call('HSET', calls, job, asked)
  redis.call('ZADD', open, 0, job)
end
{LAST}
return 'begin'
"""
LEAVE = f"""
local calls, open, over = KEYS[1], KEYS[2], KEYS[3]
local job, now, lasting, remembered = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if redis.call('ZREM', open, job) == 0 then return 'left' end
redis.call('ZADD', over, now, job)
local function forget(jobs)
  for _, old in ipairs(jobs) do
    redis.call('HDEL', calls, old)
    redis.call('ZREM', over, old)
  end
end
forget(redis.call('ZRANGE', over, 0, -1 - remembered))
forget(redis.call('ZRANGEBYSCORE', over, '-inf', now - lasting))
{LAST}
return 'left'
"""


class Queue:
    """It is kept where the engine keeps its tasks."""

    def __init__(self, docket: Docket, limits: Limits) -> None:
        self._docket, self._limits = docket, limits

    async def enter(self, session_id: str, job: str, build: Build) -> bool:
        """Whether the job has a place, and is not over. A call that is sent again has its place already."""
        lasting = build.steps * build.interval + self._limits.max_idle
        most = self._limits.max_session_queue, self._limits.max_queue
        found = await self._ask(ENTER, session_id, job, lasting, build.model_dump_json(), *most)
        match found:
            case b"other":
                raise Refusal(409, "This id was used for another call: send this one with an id of its own.")
            case b"full for the session":
                say = f"This session has {most[0]} jobs that are not over"
                raise Refusal(429, f"{say}: wait for one of them, then try again, with the same id.")
            case b"full":
                raise Refusal(429, f"There are {most[1]} jobs in the queue: try later, with the same id.")
            case _:
                return found == b"begin"

    async def leave(self, session_id: str, job: str) -> None:
        """The job is over."""
        await self._ask(LEAVE, session_id, job, self._limits.max_idle, REMEMBERED)

    async def end(self, session_id: str) -> list[str]:
        """With the session; its jobs that were in the queue."""
        keys = self._keys(session_id)
        async with asyncio.timeout(self._limits.patience), self._docket.redis() as redis:
            jobs = await redis.zrange(keys[1], 0, -1)
            await redis.delete(*keys)
            return [job.decode() for job in jobs]

    def _keys(self, session_id: str) -> list[str]:
        return [self._docket.key(f"{name}:{session_id}") for name in ("calls", "open", "over")]

    async def _ask(
        self, script: str, session_id: str, job: str, lasting: float, *told: str | float
    ) -> bytes | int:
        keys = (*self._keys(session_id), self._docket.stream_key, self._docket.queue_key)
        async with (
            asyncio.timeout(self._limits.patience),  # the engine itself would wait for ever
            self._docket.redis() as redis,
            redis.pipeline() as asked,
        ):
            asked.eval(script, len(keys), *keys, job, *map(str, (time.time(), lasting, *told)))
            return cast("list[bytes | int]", await asked.execute())[0]
