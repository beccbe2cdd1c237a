"""Live fan-out: what was just recorded, brought to whoever reads the session now, in whichever process.

inbox      what has come of one stream for one reader, in order, and not more than it may hold
look       instead of events: some may have been missed, so look into the buffer
hand over  the stream has a new reader: an older one, wherever it is, ends

A broker may lose things, and then says so: `look`. What nobody can lose is in the buffer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from jobs.steps import Step, StepBuffer
from replay_buffer import Event
from sessions import SessionStore

ALL_STREAMS = "all"
Send = Callable[[str, str, Step | None], Awaitable[Event | None]]  # session, message, step


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
            try:
                async with asyncio.timeout(within):
                    await self._news.wait()
            except TimeoutError:  # so much silence is suspicious
                return None
        self._news.clear()
        events, self._events = self._events, []
        look, self._look = self._look, False
        return None if look else events


class SSEBroker(Protocol):
    async def publish(self, session_id: str, event: Event) -> None: ...

    async def hand_over(self, session_id: str, reader: str, stream: str = ALL_STREAMS) -> None: ...

    def in_one_trip(self, buffer: StepBuffer, sessions: SessionStore) -> Send | None:
        """What looks for the session, records and publishes at once, if broker, buffer and sessions can."""
        ...

    def subscribe(self, session_id: str, stream: str) -> AbstractAsyncContextManager[Inbox]:
        """An inbox that says `look` as soon as it misses nothing more."""
        ...
