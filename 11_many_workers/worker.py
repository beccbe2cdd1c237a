"""The work: a job that outlives the worker which took it.

job    steps in an order; one task of the engine, pydocket: a task on Redis Streams outlives its worker
turn   the steps that are due; then the engine is given the time of the next one, and the place is free
nap    a wait too short for the engine: a turn waits so long itself, but only while nobody needs its place
step   a message in the call's stream, recorded only if it is the next: each is seen once, whoever did it
by     who did a step, and when: `process id.milliseconds`
"""

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from docket import Docket, Perpetual, Worker

from answering.frames import COMPACT
from jobs.build import Build
from jobs.queue_limit import Queue
from jobs.steps import Step
from jobs.taking import Taking
from plumbing.door import Refusal
from plumbing.jsonrpc import NOT_RESUMABLE
from replay_buffer import stream_of
from starting.limits import Limits
from starting.storage import Storage

if TYPE_CHECKING:
    from server import MCPServer

log = logging.getLogger(__name__)
AGAIN = timedelta(seconds=0.25)  # until a turn that could not reach the storage is tried again
LATE = 1.0  # seconds that a job may catch up with
LOOK = 0.1  # seconds: how often the engine looks what is due, and which places are free
NAMES = ("fetch", "resolve", "configure", "compile", "link", "test", "document", "package")
NAP = 0.25  # seconds
REMEMBERED = timedelta(minutes=1)  # a job that is over, by the engine: 0.8 kB for each, not for 15 minutes


class Work:
    """Takes turns from the engine, and tells it when the next ones are due."""

    def __init__(self, docket: Docket, storage: Storage, server: "MCPServer", limits: Limits) -> None:
        self._docket, self._server, self._limits = docket, server, limits
        self._buffer, self._unfinished = server.buffer, storage.unfinished
        self._queue = Queue(docket, limits)
        self._at_work = Counter[str]()  # turns, of each session
        self._longest = min(limits.turn, limits.max_idle / 4)  # a turn renews its session

    async def begin(self, session_id: str, call: int | str, build: Build) -> str:
        """The call's stream. A call that is sent again, with the same id, begins nothing again."""
        stream = stream_of(session_id, call)
        if await self._queue.enter(session_id, stream, build):
            if self._unfinished:
                self._unfinished.begin(session_id, call, build)
            await self._server.send(session_id, told(call, 0, build.steps), Step(stream, 1))
            await self._add(session_id, call, build)
        elif not self._server.resumes:
            say = "This call is over, and nothing was kept of it: send it with another id."
            raise Refusal(410, say, NOT_RESUMABLE)
        return stream

    async def begin_unfinished(self) -> None:
        for session_id, call, build in self._unfinished.all() if self._unfinished else ():
            with suppress(Refusal):  # where there is less room now, it has no place, and is done all the same
                await self._queue.enter(session_id, stream_of(session_id, call), build)
            done = await self._buffer.steps_done(session_id, stream_of(session_id, call)) - 1
            await self._add(session_id, call, build, done + 1)

    async def _add(self, session_id: str, call: int | str, build: Build, step: int = 1) -> None:
        """The engine does nothing if it has the job already: the stream is the job's key."""
        due = time.time() + build.interval
        when = datetime.fromtimestamp(due if build.interval > NAP else 0, UTC)
        add = self._docket.add(self.take_turn, when=when, key=stream_of(session_id, call))
        async with asyncio.timeout(self._limits.patience):  # the engine itself would wait for ever
            await add(session_id, call, build.steps, build.interval, step, due)

    async def end(self, session_id: str) -> None:
        """A session that ends takes its jobs along: those that wait, and those at work."""
        if self._unfinished:
            self._unfinished.end_all(session_id)
        for stream in await self._queue.end(session_id):
            async with asyncio.timeout(self._limits.patience):
                await self._docket.cancel(stream)

    async def take_turn(
        self,
        session_id: str,
        call: int | str,
        steps: int,
        interval: float,
        step: int,
        due: float,
        again: Perpetual = Perpetual(every=AGAIN),  # noqa: B008 (how the engine is told; also if this fails)
        taking: Taking = Taking(),  # noqa: B008
    ) -> None:
        """Do what is due, after the last step that is recorded; `step` was to be the next one, at `due`.

        The engine may have given the job to two workers: who is too late looks after it again in a while,
        since the other one may die. And Redis may have come back older: then go on from what it knows.
        """
        if not await self._server.is_open(session_id):  # nobody will ever ask for the rest
            await self._over(session_id, call, again)
            return
        stream = stream_of(session_id, call)
        done = await self._buffer.steps_done(session_id, stream) - 1  # the first message is not a step
        due = max(due + (done + 1 - step) * interval, time.time() - LATE)
        self._at_work[session_id] += 1
        try:
            began = time.monotonic()
            while done <= steps:
                wait = due - time.time() if done < steps else 0.0
                if wait > NAP or self._must_end(session_id, began, taking, napping=wait > 0):
                    break
                await asyncio.sleep(max(wait, 0.0))
                message, number = told(call, done + 1, steps), done + 2
                if not await self._server.send(session_id, message, Step(stream, number, done == steps)):
                    reached = await self._buffer.steps_done(session_id, stream) - 1
                    ahead = self._limits.lease if reached > done else AGAIN.total_seconds()
                    done, due = reached, time.time() + ahead
                    break
                done, due = done + 1, due + interval
        finally:
            self._at_work[session_id] -= 1
            if not self._at_work[session_id]:
                del self._at_work[session_id]
        if done > steps:
            await self._over(session_id, call, again)
            return
        again.perpetuate(session_id, call, steps, interval, done + 1, due)
        again.at(datetime.fromtimestamp(due, UTC))

    def _must_end(self, session_id: str, began: float, taking: Taking, *, napping: bool) -> bool:
        """A turn is long while there is room: the engine's task costs as much as ten steps."""
        room = (
            self._at_work.total() < self._limits.max_jobs
            and self._at_work[session_id] <= self._limits.max_session_jobs
        )
        if room:
            return taking.over or time.monotonic() > began + self._longest
        return napping or taking.over or time.monotonic() > began + NAP

    async def _over(self, session_id: str, call: int | str, again: Perpetual) -> None:
        await self._queue.leave(session_id, stream_of(session_id, call))
        if self._unfinished:
            self._unfinished.end(session_id, call)
        again.cancel()


def told(call: int | str, number: int, steps: int) -> str:
    """The message of a step, before the first one that the build has begun, after the last one the answer."""
    by = f"{os.getpid()}.{time.time_ns() // 1_000_000}"
    if number > steps:
        text = {"type": "text", "text": f"built in {steps} steps"}
        return COMPACT.encode(
            {"jsonrpc": "2.0", "id": call, "result": {"content": [text], "_meta": {"by": by}}}
        )
    step = NAMES[(number - 1) % len(NAMES)] if number else "begin"
    data = {"number": number, "of": steps, "step": step, "by": by}
    params = {"level": "info", "logger": "build_project", "data": data}
    return COMPACT.encode({"jsonrpc": "2.0", "method": "notifications/message", "params": params})


@asynccontextmanager
async def working(storage: Storage, server: "MCPServer", limits: Limits) -> AsyncGenerator[Work]:
    """The engine, at work in this process. What it has not done when it is left, another worker does."""
    async with Docket(name="mcp-work", url=storage.work, execution_ttl=REMEMBERED) as docket:
        work = Work(docket, storage, server, limits)
        docket.register(work.take_turn)
        worker = Worker(
            docket,
            concurrency=limits.max_jobs,
            redelivery_timeout=timedelta(seconds=limits.lease),
            reconnection_delay=AGAIN,
            minimum_check_interval=timedelta(seconds=min(LOOK, limits.lease / 4)),
            scheduling_resolution=timedelta(seconds=LOOK),
        )
        async with worker:
            running = asyncio.create_task(worker.run_forever())
            await work.begin_unfinished()
            try:
                yield work
            finally:
                running.cancel()  # take no more
                await asyncio.wait([running], timeout=0.1)
                running.cancel()  # and leave what is not done to others
                with suppress(asyncio.CancelledError):
                    await running
