"""Live fan-out in memory: for one process."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from broker import ALL_STREAMS, Inbox, Send
from jobs.steps import StepBuffer
from replay_buffer import Event
from sessions import SessionStore


class InMemorySSEBroker:
    def __init__(self) -> None:
        self._inboxes: dict[str, set[Inbox]] = {}

    def in_one_trip(self, buffer: StepBuffer, sessions: SessionStore) -> Send | None:
        return None

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


class NoBroker(InMemorySSEBroker):
    """Brings nothing live: a stream finds what is new when it looks, after a silence of `--ping` seconds."""

    async def publish(self, session_id: str, event: Event) -> None:
        pass
