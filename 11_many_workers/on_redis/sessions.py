"""Sessions in Redis: any worker on any machine knows them."""

import secrets
import time

from redis.asyncio import Redis

from on_redis.replay_buffer import keys_of
from on_redis.round_trips import RoundTrips
from sessions import Session

OPEN = "mcp:sessions"  # a sorted set of all sessions by the time at which they are over, to count them
# Counted and added at once: who comes in the same moment is counted too.
OPEN_ONE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
"""
READ_BY = "return redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HSET', KEYS[1], 'reader', ARGV[1])"


class RedisSessions:
    def __init__(self, client: Redis, ttl: float) -> None:
        self.client, self._ttl = client, ttl
        self._trips = RoundTrips(client)

    async def open(self, protocol: str, most: int) -> Session | None:
        now, ttl = time.time(), round(self._ttl * 1000)
        session = Session(secrets.token_hex(16), protocol, "")
        key = keys_of(session.id)[0]
        (counted,) = await self._trips.ask(
            ("EVAL", OPEN_ONE, 1, OPEN, now, most, now + self._ttl, session.id, ttl)
        )
        if not counted:
            return None
        async with self.client.pipeline() as pipeline:
            pipeline.hset(key, mapping={"protocol": protocol, "reader": ""})
            pipeline.pexpire(key, ttl)
            await pipeline.execute()
        return session

    async def use(self, session_id: str) -> Session | None:
        """All keys of a session are renewed together: events that ended before it would be missed."""
        ttl = round(self._ttl * 1000)
        *_, found = await self._trips.ask(
            *(("PEXPIRE", key, ttl) for key in keys_of(session_id)),
            ("ZADD", OPEN, "XX", time.time() + self._ttl, session_id),
            ("PEXPIRE", OPEN, ttl),
            ("HMGET", keys_of(session_id)[0], "protocol", "reader"),
        )
        match found:
            case [bytes(protocol), bytes(reader)]:
                return Session(session_id, protocol.decode(), reader.decode())
            case _:
                return None

    async def has(self, session_id: str) -> bool:
        (found,) = await self._trips.ask(("EXISTS", keys_of(session_id)[0]))
        return bool(found)

    async def read_by(self, session_id: str, reader: str) -> None:
        # Not where the session has ended in the meantime: it would be there again, and half of it.
        await self._trips.ask(("EVAL", READ_BY, 1, keys_of(session_id)[0], reader))

    async def end(self, session_id: str) -> bool:
        await self.client.zrem(OPEN, session_id)
        return bool(await self.client.delete(keys_of(session_id)[0]))
