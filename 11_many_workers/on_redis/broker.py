"""Live fan-out by Redis: a channel for each session that somebody reads."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (redis-py is typed in part)

import asyncio
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self, cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from broker import ALL_STREAMS, Inbox, Send
from jobs.steps import StepBuffer
from on_redis.replay_buffer import RedisSSEReplayBuffer, channel_of
from on_redis.round_trips import RoundTrips
from on_redis.sessions import RedisSessions
from replay_buffer import ID, Event
from sessions import SessionStore

log = logging.getLogger(__name__)
ALIVE = "mcp:alive"  # a channel that is always subscribed to, so that there is always a connection
AGAIN = 0.25  # seconds until the next try to reach Redis
HAND_OVER = "reader: "
NOT_ENTERED = "The broker does not listen yet: enter it with `async with RedisSSEBroker(client) as broker`."


class RedisSSEBroker:
    """For many: a channel for each session that is read, all of them on one connection of this process."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self._trips = RoundTrips(client)
        self._inboxes: dict[bytes, set[Inbox]] = {}  # by channel
        self._connection: AbstractConnection | None = None
        self._listener: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()

    def in_one_trip(self, buffer: StepBuffer, sessions: SessionStore) -> Send | None:
        """One script does all of it, if all three are here, on one client."""
        if self._listener is None:
            raise RuntimeError(NOT_ENTERED)
        match buffer, sessions:
            case RedisSSEReplayBuffer(), RedisSessions() if buffer.client is sessions.client is self.client:
                return buffer.record_and_publish
            case _:
                return None

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *error: object) -> None:
        while self._listener and not self._listener.done():
            self._listener.cancel()  # more than once: redis-py may take the first for a timeout of its own
            await asyncio.wait([self._listener], timeout=0.1)

    async def publish(self, session_id: str, event: Event) -> None:
        await self._trips.ask(("PUBLISH", channel_of(session_id), f"{event.id} {event.message}"))

    async def hand_over(self, session_id: str, reader: str, stream: str = ALL_STREAMS) -> None:
        await self._trips.ask(("PUBLISH", channel_of(session_id), f"{HAND_OVER}{stream} {reader}"))

    @asynccontextmanager
    async def subscribe(self, session_id: str, stream: str) -> AsyncGenerator[Inbox]:
        if self._listener is None:
            raise RuntimeError(NOT_ENTERED)
        inbox, channel = Inbox(stream), channel_of(session_id).encode()
        inboxes = self._inboxes.setdefault(channel, set())
        inboxes.add(inbox)
        try:
            await self._tell(channel)
            yield inbox
        finally:
            inboxes.discard(inbox)
            if not inboxes and self._inboxes.get(channel) is inboxes:
                del self._inboxes[channel]
                await self._tell(channel)

    async def _tell(self, channel: bytes) -> None:
        """Bring what Redis knows of a channel into line with who reads it here."""
        async with self._telling:
            if self._connection is None:
                return  # the listener subscribes to all when it has a connection
            try:
                what = "SUBSCRIBE" if channel in self._inboxes else "UNSUBSCRIBE"
                await self._connection.send_command(what, channel)
            except RedisError as error:
                log.info("fan-out: %s", error)  # the listener finds out too, and begins anew

    async def _listen(self) -> None:
        """Listen, on as many connections as it takes; after each new one, all readers look."""
        pool = self.client.connection_pool
        while True:
            try:
                connection = await pool.get_connection()
                try:
                    async with self._telling:  # who comes later tells by itself
                        await connection.send_command("SUBSCRIBE", ALIVE, *self._inboxes)
                        self._connection = connection
                    while True:
                        told = await connection.read_response(
                            timeout=math.inf, disconnect_on_error=False, push_request=True
                        )
                        self._deliver(*cast("tuple[bytes, bytes, bytes]", told))
                finally:
                    self._connection = None
                    async with self._telling:  # and not under the feet of who tells now
                        await connection.disconnect(nowait=True)
                    await pool.release(connection)
            except Exception as error:  # noqa: BLE001 (whatever it was, only its owner ends the listener)
                log.info("fan-out: the connection to Redis is lost (%s)", type(error).__name__)
            await asyncio.sleep(AGAIN)

    def _deliver(self, kind: bytes, channel: bytes, data: bytes) -> None:
        for inbox in self._inboxes.get(channel, ()):
            if kind == b"subscribe":
                inbox.look()  # Redis has confirmed: from here on nothing is missed
            elif kind != b"message":
                continue
            elif data.startswith(HAND_OVER.encode()):
                stream, _, reader = data[len(HAND_OVER) :].decode(errors="replace").partition(" ")
                inbox.hand_over(reader, stream)
            else:
                event_id, _, message = data.decode(errors="replace").partition(" ")
                if ID.fullmatch(event_id):
                    inbox.put(Event(event_id, message))
                else:
                    inbox.look()  # not from us
