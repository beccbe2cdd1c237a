"""Steps for a buffer that has three methods, or for none: they are counted here, so it is for one process."""

import asyncio
import logging
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jobs.steps import Step, StepBuffer
from replay_buffer import (
    NAME,
    Event,
    EvictedError,
    NotIssuedError,
    SSEReplayBuffer,
    id_of,
    place_of,
    stream_of,
)
from starting.limits import Limits

log = logging.getLogger(__name__)


class NoBuffer:
    """Keeps nothing: its events have no place, and so no id."""

    async def record(self, session_id: str, message: str) -> Event:
        return Event(id_of(stream_of(session_id), 0), message)

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        return []

    async def forget(self, session_id: str) -> None:
        pass


@dataclass
class Calls:
    """Of one session."""

    done: dict[str, int] = field(default_factory=dict[str, int])  # steps of each
    turns: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])
    over: deque[str] = field(default_factory=deque[str])
    kept: int = 0  # events of those that are over


class CountedSteps:
    """To the buffer each call is a session of its own, named as the call's stream is."""

    def __init__(self, buffer: SSEReplayBuffer, max_events: int, max_session_events: int) -> None:
        self.buffer, self.max_events, self.max_session_events = buffer, max_events, max_session_events
        self._calls: dict[str, Calls] = {}

    async def record(self, session_id: str, message: str) -> Event:
        with self._heard():
            return await self.buffer.record(session_id, message)

    async def record_step(self, session_id: str, message: str, step: Step) -> Event | None:
        calls = self._calls.setdefault(session_id, Calls())
        async with calls.turns.setdefault(step.stream, asyncio.Lock()):
            if step.number != await self.steps_done(session_id, step.stream) + 1:
                return None
            with self._heard():
                event = await self.buffer.record(step.stream, message)
            calls.done[step.stream] = step.number
        if step.last:
            await self._end_call(calls, step.stream)
        return Event(id_of(step.stream, event.place), message)

    async def _end_call(self, calls: Calls, stream: str) -> None:
        """The oldest calls that are over make room for it."""
        calls.over.append(stream)
        calls.kept += min(calls.done[stream], self.max_events)
        while calls.kept > self.max_session_events and len(calls.over) > 1:
            oldest = calls.over.popleft()
            calls.kept -= min(calls.done.pop(oldest), self.max_events)
            del calls.turns[oldest]
            await self.buffer.forget(oldest)

    async def steps_done(self, session_id: str, stream: str) -> int:
        if (calls := self._calls.get(session_id)) and stream in calls.done:
            return calls.done[stream]
        with self._heard():  # after a restart a buffer may know more than is counted here
            newest = await self.buffer.replay(stream, None)
            return newest[-1].place if newest else 0

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        stream, place = place_of(session_id, after) if after else (stream_of(session_id), 0)
        with self._heard():
            if stream == stream_of(session_id):
                return await self.buffer.replay(session_id, after, limit)
            if not await self.steps_done(session_id, stream):
                raise EvictedError
            try:
                events = await self.buffer.replay(stream, id_of(stream_of(stream), place), limit)
            except EvictedError as evicted:
                raise EvictedError(evicted.cursor and stream + evicted.cursor[NAME:]) from None
            return [Event(id_of(stream, event.place), event.message) for event in events]

    async def forget(self, session_id: str) -> None:
        calls = self._calls.pop(session_id, Calls())
        with self._heard():
            for stream in (session_id, *calls.done):
                await self.buffer.forget(stream)

    @contextmanager
    def _heard(self) -> Generator[None]:
        """A mistake in a buffer of your own is shown with its traceback."""
        try:
            yield
        except (EvictedError, NotIssuedError):
            raise
        except Exception:
            log.exception("%s failed", type(self.buffer).__name__)
            raise


class OnlySteps(CountedSteps):
    """No buffer: nothing is kept, and nothing can be replayed."""

    def __init__(self, max_session_events: int) -> None:
        super().__init__(NoBuffer(), max_session_events, max_session_events)


def with_steps(buffer: SSEReplayBuffer | None, limits: Limits) -> StepBuffer:
    if buffer is None:
        return OnlySteps(limits.max_session_events)
    if isinstance(buffer, StepBuffer):
        return buffer
    return CountedSteps(buffer, limits.max_events, limits.max_session_events)
