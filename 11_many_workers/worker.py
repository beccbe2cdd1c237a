"""The work: a job that outlives the worker which took it.

job    a task of pydocket, durable in the same Redis: a worker that dies loses its lease, and another one
       is given the job from the start
step   is skipped there if it is noted as done; note and message are one transaction, so each is seen once
by     who did a step, and when: `process id.milliseconds`
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Protocol, TypeVar

from docket import Docket, Worker

from build import Build
from limits import Limits
from replay_buffer import Step
from storage import TROUBLE, Storage

log = logging.getLogger(__name__)
AGAIN = 0.25  # seconds until a step that could not be recorded is tried again
NAMES = ("fetch", "resolve", "configure", "compile", "link", "test", "document", "package")

T = TypeVar("T")


class Server(Protocol):
    """What a job needs of the server."""

    async def send(self, session_id: str, message: str, step: Step) -> None: ...

    async def is_open(self, session_id: str) -> bool: ...


class Work:
    """Takes jobs from the engine, and gives it new ones."""

    def __init__(self, docket: Docket, storage: Storage, server: Server, patience: float) -> None:
        self._docket, self._server, self._buffer = docket, server, storage.buffer
        self._unfinished, self._patience = storage.unfinished, patience

    async def begin(self, session_id: str, request_id: int | str, build: Build) -> None:
        """A request that is sent again, with the same id, begins nothing again."""
        job = f"{session_id}:{request_id}"
        if self._unfinished:
            self._unfinished.begin(job, session_id, build)
        await self._add(job, session_id, build)

    async def _add(self, job: str, session_id: str, build: Build) -> None:
        async with asyncio.timeout(self._patience):  # the engine itself would wait for ever
            await self._docket.add(self.build_project, key=job)(session_id, job, build.steps, build.interval)

    async def begin_unfinished(self) -> None:
        for job, session_id, build in self._unfinished.all() if self._unfinished else ():
            await self._add(job, session_id, build)

    async def build_project(self, session_id: str, job: str, steps: int, interval: float) -> None:
        done = await self._patiently(lambda: self._buffer.steps_done(session_id, job))
        if done:
            log.info("session %s: its build goes on after step %d", session_id[:8], done)
        looked = 0.0
        for number in range(done + 1, steps + 2):
            if number <= steps:
                await asyncio.sleep(interval)  # the work
            if time.monotonic() > looked + 1.0:
                if not await self._patiently(lambda: self._server.is_open(session_id)):
                    break  # nobody will ever ask for the rest
                looked = time.monotonic()
            message = told(number, steps)
            step = Step(job, number)
            await self._patiently(lambda m=message, s=step: self._server.send(session_id, m, s))
        if self._unfinished:
            self._unfinished.end(job)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Again and again until the storage answers: a step that was recorded after all is not recorded twice."""
        while True:
            try:
                return await attempt()
            except TROUBLE as error:
                log.info("a build waits for the storage (%s)", type(error).__name__)
                await asyncio.sleep(AGAIN)


def told(number: int, steps: int) -> str:
    """The message of a step, or, after the last one, the answer."""
    by = f"{os.getpid()}.{time.time_ns() // 1_000_000}"
    if number > steps:
        data = {"answer": f"built in {steps} steps", "by": by}
    else:
        data = {"number": number, "of": steps, "step": NAMES[(number - 1) % len(NAMES)], "by": by}
    params = {"level": "info", "logger": "build_project", "data": data}
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    return json.dumps(message, separators=(",", ":"))


@asynccontextmanager
async def working(storage: Storage, server: Server, limits: Limits) -> AsyncGenerator[Work]:
    """The engine, at work in this process. What it has not done when it is left, another worker does."""
    async with Docket(name="mcp-work", url=storage.work) as docket:
        work = Work(docket, storage, server, limits.patience)
        docket.register(work.build_project)
        worker = Worker(
            docket,
            concurrency=limits.max_jobs,
            redelivery_timeout=timedelta(seconds=limits.lease),
            reconnection_delay=timedelta(seconds=AGAIN),
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
