"""Live fan-out: what was just recorded, brought to whoever reads the session now, in whichever process.

inbox      what has come of one stream for one reader, in order, and not more than it may hold
look       instead of events: some may have been missed, so look into the buffer
hand over  the stream has a new reader: an older one, wherever it is, ends

A broker may lose things, and then says so: `look`. What nobody can lose is in the buffer.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (redis-py is typed in part)

import asyncio
import logging
import math
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, Self, cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from event import ID, Event
from round_trips import RoundTrips

log = logging.getLogger(__name__)
ALIVE = "mcp:alive"  # a channel that is always subscribed to, so that there is always a connection
AGAIN = 0.25  # seconds until the next try to reach Redis
HAND_OVER = "reader: "
ALL_STREAMS = "all"


class Inbox:
    """A reader that falls behind by more than `most` events has to look: its inbox does not grow (law 8)."""

    def __init__(self, stream: str, most: int = 1000) -> None:
        self.reader: str | None = None  # whom the stream was handed over to
        self._stream, self._most = stream, most
        self._events: list[Event] = []
        self._look = False
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        if event.stream != self._stream:
            return  # another reader's (law 4)
        if len(self._events) < self._most:
            self._events.append(event)
            self._news.set()
        else:
            self.look()

    def look(self) -> None:
        self._events, self._look = [], True
        self._news.set()

    def hand_over(self, reader: str, stream: str = ALL_STREAMS) -> None:
        if stream in (ALL_STREAMS, self._stream):
            self.reader = reader
            self._news.set()

    async def take(self, within: float) -> list[Event] | None:
        """What has come since the last time, which may be nothing; None: look."""
        if not self._news.is_set():
            silence = asyncio.get_running_loop().call_later(within, self.look)  # so much is suspicious
            try:
                await self._news.wait()
            finally:
                silence.cancel()
        self._news.clear()
        events, self._events = self._events, []
        look, self._look = self._look, False
        return None if look else events


class SSEBroker(Protocol):
    losses: int  # of its connection, so far

    async def publish(self, session_id: str, event: Event) -> None: ...

    async def hand_over(self, session_id: str, reader: str, stream: str = ALL_STREAMS) -> None: ...

    def subscribe(self, session_id: str, stream: str) -> AbstractAsyncContextManager[Inbox]:
        """An inbox that says `look` as soon as it misses nothing more."""
        ...


class InMemorySSEBroker:
    """For one process."""

    losses = 0

    def __init__(self) -> None:
        self._inboxes: dict[str, set[Inbox]] = {}

    async def publish(self, session_id: str, event: Event) -> None:
        for inbox in self._inboxes.get(session_id, ()):
            inbox.put(event)

    async def hand_over(self, session_id: str, reader: str, stream: str = ALL_STREAMS) -> None:
        for inbox in self._inboxes.get(session_id, ()):
            inbox.hand_over(reader, stream)

    @asynccontextmanager
    async def subscribe(self, session_id: str, stream: str) -> AsyncGenerator[Inbox]:
        inbox = Inbox(stream)
        inboxes = self._inboxes.setdefault(session_id, set())
        inboxes.add(inbox)
        inbox.look()
        try:
            yield inbox
        finally:
            inboxes.discard(inbox)
            if not inboxes:
                self._inboxes.pop(session_id, None)


class RedisSSEBroker:
    """For many: a channel for each session that is read, all of them on one connection of this process."""

    def __init__(self, client: Redis) -> None:
        self.client, self.losses = client, 0
        self._trips = RoundTrips(client)
        self._inboxes: dict[bytes, set[Inbox]] = {}  # by channel
        self._connection: AbstractConnection | None = None
        self._listener: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()

    @staticmethod
    def channel(session_id: str) -> str:
        return f"mcp:{{{session_id}}}:live"

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *error: object) -> None:
        while self._listener and not self._listener.done():
            self._listener.cancel()  # more than once: redis-py may take the first for a timeout of its own
            await asyncio.wait([self._listener], timeout=0.1)

    async def publish(self, session_id: str, event: Event) -> None:
        await self._trips.ask(("PUBLISH", self.channel(session_id), f"{event.id} {event.message}"))

    async def hand_over(self, session_id: str, reader: str, stream: str = ALL_STREAMS) -> None:
        await self._trips.ask(("PUBLISH", self.channel(session_id), f"{HAND_OVER}{stream} {reader}"))

    @asynccontextmanager
    async def subscribe(self, session_id: str, stream: str) -> AsyncGenerator[Inbox]:
        inbox, channel = Inbox(stream), self.channel(session_id).encode()
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
                    self.losses += 1
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
