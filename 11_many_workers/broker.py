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

from replay_buffer import Event, SSEReplayBuffer, Step
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

    def at_once(self, buffer: SSEReplayBuffer | None, sessions: SessionStore) -> Send | None:
        """Look for the session, record and publish in one step, where broker, buffer and sessions can."""
        ...

    def subscribe(self, session_id: str, stream: str) -> AbstractAsyncContextManager[Inbox]:
        """An inbox that says `look` as soon as it misses nothing more."""
        ...
