"""The work: a job that outlives the worker which took it.

job    steps in an order; the engine is pydocket: tasks on Redis Streams, which outlive the worker at them
turn   some seconds' worth of steps, and one task of the engine: then other jobs have theirs
step   message and note are one transaction, so each is seen once, whoever did it, and however often
by     who did a step, and when: `process id.milliseconds`
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

from docket import Docket, Retry, Worker

from build import Build
from event import Event
from limits import Limits
from queue_limit import refuse_if_full
from replay_buffer import Step
from storage import Storage

log = logging.getLogger(__name__)
AGAIN = timedelta(seconds=0.25)  # until a turn that could not reach the storage is tried again
COMPACT = json.JSONEncoder(separators=(",", ":"))
NAMES = ("fetch", "resolve", "configure", "compile", "link", "test", "document", "package")
REMEMBERED = timedelta(minutes=1)  # a turn that is over, by the engine: 0.8 kB for each, not for 15 minutes


class Server(Protocol):
    """What a job needs of the server."""

    async def send(self, session_id: str, message: str, step: Step | None = None) -> Event | None: ...

    async def is_open(self, session_id: str) -> bool: ...


class Work:
    """Takes turns from the engine, and gives it the next ones."""

    def __init__(self, docket: Docket, storage: Storage, server: Server, limits: Limits) -> None:
        self._docket, self._server, self._limits = docket, server, limits
        self._buffer, self._broker, self._unfinished = storage.buffer, storage.broker, storage.unfinished

    async def begin(self, session_id: str, request_id: int | str, build: Build) -> None:
        """A request that is sent again, with the same id, begins nothing again."""
        job = f"{session_id}:{request_id}"
        await refuse_if_full(self._docket, f"{job}:0", self._limits)
        if self._unfinished:
            self._unfinished.begin(job, session_id, build)
        await self._next_turn(session_id, job, build.steps, build.interval, 0)

    async def begin_unfinished(self) -> None:
        for job, session_id, build in self._unfinished.all() if self._unfinished else ():
            await self._next_turn(session_id, job, build.steps, build.interval, 0)

    async def _next_turn(
        self, session_id: str, job: str, steps: int, interval: float, done: int, after: float = 0.0
    ) -> None:
        when = datetime.now(UTC) + timedelta(seconds=after)
        add = self._docket.add(self.take_turn, when=when, key=f"{job}:{done}")
        async with asyncio.timeout(self._limits.patience):  # the engine itself would wait for ever
            await add(session_id, job, steps, interval)

    async def take_turn(
        self,
        session_id: str,
        job: str,
        steps: int,
        interval: float,
        retry: Retry = Retry.forever(AGAIN),  # noqa: B008 (how the engine is told)
    ) -> None:
        """Go on after the last step that is recorded; what cannot be recorded now is tried again.

        The engine that has lost Redis waits until all turns have ended, and takes no more: so they do end.
        It may have given a turn to two workers. The end of one takes the other's out of the queue too, and if
        that worker dies nobody has the job any more: so who is too late looks after it again in a while.
        """
        done = await self._buffer.steps_done(session_id, job)
        due, losses = time.monotonic(), self._broker.losses
        until = due + self._limits.turn
        open_still = await self._server.is_open(session_id)  # else nobody will ever ask for the rest
        while open_still and done <= steps:
            if done < steps:
                due += interval
                await asyncio.sleep(due - time.monotonic())  # the work
            if not await self._server.send(session_id, told(done + 1, steps), Step(job, done + 1)):
                reached = await self._buffer.steps_done(session_id, job)
                await self._next_turn(session_id, job, steps, interval, reached, self._limits.lease)
                return
            done += 1
            if done <= steps and (time.monotonic() > until or self._broker.losses > losses):
                await self._next_turn(session_id, job, steps, interval, done)
                return
        if self._unfinished:
            self._unfinished.end(job)


def told(number: int, steps: int) -> str:
    """The message of a step, or, after the last one, the answer."""
    by = f"{os.getpid()}.{time.time_ns() // 1_000_000}"
    if number > steps:
        data = {"answer": f"built in {steps} steps", "by": by}
    else:
        data = {"number": number, "of": steps, "step": NAMES[(number - 1) % len(NAMES)], "by": by}
    params = {"level": "info", "logger": "build_project", "data": data}
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    return COMPACT.encode(message)


@asynccontextmanager
async def working(storage: Storage, server: Server, limits: Limits) -> AsyncGenerator[Work]:
    """The engine, at work in this process. What it has not done when it is left, another worker does."""
    async with Docket(name="mcp-work", url=storage.work, execution_ttl=REMEMBERED) as docket:
        work = Work(docket, storage, server, limits)
        docket.register(work.take_turn)
        worker = Worker(
            docket,
            concurrency=limits.max_jobs,
            redelivery_timeout=timedelta(seconds=limits.lease),
            reconnection_delay=AGAIN,
            minimum_check_interval=timedelta(seconds=min(0.25, limits.lease / 4)),
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
