"""The workers: processes that accept from one socket. A new one takes the place of one that has died.

At once: uvicorn's own supervisor waits up to five seconds for a worker that was killed while it started.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from limits import Settings

PAUSE = 0.5  # seconds before a worker that could not start is tried again
PATIENCE = 5.0  # seconds for a worker to stop

CreateApp = Callable[[Settings], ASGIApp]


def run(
    create_app: CreateApp, settings: Settings, workers: int, listener: socket.socket, tell: Callable[[], None]
) -> None:
    """Keep so many at work until Ctrl-C or SIGTERM; tell when the first one is."""
    signal.signal(signal.SIGTERM, interrupted)
    spawn = multiprocessing.get_context("spawn")  # a fork would share what must not be shared
    at_work: list[BaseProcess] = []
    ready, told = spawn.Event(), False
    try:
        while True:
            while len(at_work) < workers:
                worker = spawn.Process(target=work, args=(create_app, settings, listener, ready))
                start(worker)
                at_work.append(worker)
            if not told and (told := ready.wait(0.05)):
                tell()
            wait([worker.sentinel for worker in at_work], None if told else 0.05)  # until one dies
            if any((worker.exitcode or 0) > 0 for worker in at_work):
                threading.Event().wait(PAUSE)
            at_work = [worker for worker in at_work if worker.is_alive()]
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for worker in at_work:
            worker.terminate()
        for worker in at_work:
            worker.join(PATIENCE)
            worker.kill()


def start(worker: BaseProcess) -> None:
    """Ctrl-C is for this process, which ends its workers: one that had only begun would show a traceback."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker.start()  # with what is ignored now
    finally:
        signal.signal(signal.SIGINT, handler)


class Worker(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


def work(create_app: CreateApp, settings: Settings, listener: socket.socket, ready: Event) -> None:
    """One worker; it ends when whoever started it is no more."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=end_after, args=(parent,), daemon=True).start()
    config = uvicorn.Config(create_app(settings), log_level="critical")
    with contextlib.suppress(KeyboardInterrupt):
        Worker(config, ready).run(sockets=[listener])


def end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
