"""The workers: processes that accept from one socket. A new one takes the place of one that has died.

At once: uvicorn's own supervisor waits up to five seconds for a worker that was killed while it started.
A signal never interrupts what this process does: it only writes to a pipe, for which this process waits.
"""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from plumbing.launch import configured
from starting.limits import Settings

PAUSE = 0.5  # seconds before a worker that could not start is tried again
PATIENCE = 5.0  # seconds for a worker to stop; after that it is ended

CreateApp = Callable[[Settings], ASGIApp]


def run(
    create_app: CreateApp, settings: Settings, workers: int, listener: socket.socket, tell: Callable[[], None]
) -> None:
    """Keep so many at work until Ctrl-C or SIGTERM; tell when the first one is."""
    ended, end = multiprocessing.Pipe(duplex=False)

    def come(_number: int, _frame: FrameType | None) -> None:
        end.send_bytes(b"end")

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, come)
    spawn = multiprocessing.get_context("spawn")  # a fork would share what must not be shared
    at_work: list[BaseProcess] = []
    serving, ready = spawn.Pipe(duplex=False)
    told = False
    while not ended.poll():
        while len(at_work) < workers:
            worker = spawn.Process(target=work, args=(create_app, settings, listener, ready))
            start(worker)
            at_work.append(worker)
        news = wait([ended, *([] if told else [serving]), *(worker.sentinel for worker in at_work)])
        if serving in news:
            tell()
            told = True
        if any((worker.exitcode or 0) > 0 for worker in at_work):
            ended.poll(PAUSE)
        at_work = [worker for worker in at_work if worker.is_alive()]
    stop(at_work)


def start(worker: BaseProcess) -> None:
    """Ctrl-C is for this process, which ends its workers: in them it is blocked from their first moment."""
    if sys.platform == "win32":
        worker.start()
        return
    resource_tracker.ensure_running()  # it would unblock what is blocked here
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        worker.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # what came meanwhile comes now


def stop(workers: list[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()
    until = time.monotonic() + PATIENCE
    for worker in workers:
        worker.join(max(0.0, until - time.monotonic()))
        worker.kill()
        worker.join()


class Worker(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Connection) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.send_bytes(b"ready")


def work(create_app: CreateApp, settings: Settings, listener: socket.socket, ready: Connection) -> None:
    """One worker; it ends when whoever started it is no more."""
    if parent := multiprocessing.parent_process():
        threading.Thread(target=end_after, args=(parent,), daemon=True).start()
    config = configured(create_app(settings), settings.limits.max_stall, "critical")
    with contextlib.suppress(KeyboardInterrupt):
        Worker(config, ready).run(sockets=[listener])


def end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os._exit(1)  # whatever it waits for: nobody else would end it
