"""What goes wrong in a soak: each fault with its beginning and its end, at random, one after the other.

The next one waits until the server answers again: on a busy machine a start takes longer than a pause, and a
worker that is killed while it starts, over and over, proves nothing about what is lost.

worker       a random worker is killed by SIGKILL
redis        Redis is killed; what it had acknowledged is there again
older        Redis is killed, and comes back as it was some seconds before
client-kill  CLIENT KILL TYPE normal: all connections to Redis but those for fan-out
stop         a random worker stands still for longer than its lease
cut          between one worker and Redis nothing goes through for longer than the lease
disk         for two seconds the worker's files may not grow (RLIMIT_FSIZE), as if the disk were full
"""

import asyncio
import contextlib
import os
import random
import resource
import signal
import time
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from cable import Cable
from listener import Listener, Tally

SECONDS_OF_A_FULL_DISK = 2.0


class Fault(NamedTuple):
    kind: str
    began: float  # by the clock on the wall, as the steps of a build are
    ended: float


def children(pid: int) -> list[int]:
    """The workers; Linux tells."""
    found: list[int] = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        with contextlib.suppress(OSError):  # it died just now
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


class Faults:
    def __init__(
        self, server: Process, port: int, redis: Any, cable: Cable | None, lease: float, seed: int
    ) -> None:
        self._server, self._redis, self._cable, self._lease = server, redis, cable, lease
        self._other = Listener(port, 1, 1, Tally(1, 0))
        self._dice = random.Random(seed)  # noqa: S311 (to be repeated)
        self.done: list[Fault] = []

    async def play(self, kinds: list[str], most: int, pause: float) -> None:
        each: dict[str, Callable[[], Awaitable[None]]] = {
            "worker": self.worker,
            "redis": self.redis,
            "older": self.older,
            "client-kill": self.client_kill,
            "stop": self.stop,
            "cut": self.cut,
            "disk": self.disk,
        }
        while len(self.done) < most:
            await self._other.open()  # as soon as it is answered
            await self._other.close()
            await asyncio.sleep(pause * self._dice.uniform(0.5, 1.5))
            kind = self._dice.choice(kinds)
            began = time.time()
            await each[kind]()
            self.done.append(Fault(kind, began, time.time()))

    async def _a_worker(self) -> int:
        while not (workers := children(self._server.pid)):  # noqa: ASYNC110 (the server starts another one)
            await asyncio.sleep(0.05)
        return self._dice.choice(workers)

    async def worker(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have died just now
            os.kill(await self._a_worker(), signal.SIGKILL)

    async def redis(self) -> None:
        self._redis.kill()
        await asyncio.sleep(self._dice.uniform(0, 1))
        await asyncio.to_thread(self._redis.again)

    async def older(self) -> None:
        await self._ask("SAVE")
        await asyncio.sleep(self._dice.uniform(1, 4))
        await self.redis()

    async def client_kill(self) -> None:
        await self._ask("CLIENT", "KILL", "TYPE", "normal")

    async def stop(self) -> None:
        pid = await self._a_worker()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(self._lease * self._dice.uniform(1.2, 2))
            os.kill(pid, signal.SIGCONT)

    async def cut(self) -> None:
        if self._cable:
            await self._cable.cut(await self._a_worker(), self._lease * self._dice.uniform(1.2, 2))

    async def disk(self) -> None:
        pid = await self._a_worker()
        with contextlib.suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, most))
            await asyncio.sleep(SECONDS_OF_A_FULL_DISK)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))

    async def _ask(self, *command: str) -> None:
        storage: Any = import_module("starting.storage")
        async with storage.connect(self._redis.url, 10) as client:
            await client.execute_command(*command)
