"""Starts the client's command, hears what it says, and ends all that it has started."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from judging.play import Running

ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
MOST = 8_000_000  # characters of output
PLAIN = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}

Start = Callable[[str, int, Callable[[], None]], AbstractAsyncContextManager[Running]]


class CannotStartError(Exception):
    """There is no such command."""


class Program:
    def __init__(self, process: Process) -> None:
        self.process = process
        self.output = ""
        self.code: int | None = None

    async def hear(self, ended: Callable[[], None]) -> None:
        stream = self.process.stdout
        while stream and (got := await stream.read(65536)):
            if len(self.output) < MOST:
                self.output += got.decode(errors="replace")
        self.output = ESCAPE.sub("", self.output)
        self.code = await self.process.wait()
        ended()

    def kill(self) -> None:
        """The program and its own children, such as those of npx."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)


def starter(command: list[str]) -> Start:
    """`{url}` is where we listen, and `{calls}` how many calls are to be made at the same time."""

    @asynccontextmanager
    async def start(url: str, calls: int, ended: Callable[[], None]) -> AsyncGenerator[Program]:
        words = [word.replace("{url}", url).replace("{calls}", str(calls)) for word in command]
        environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"} | PLAIN
        try:
            process = await asyncio.create_subprocess_exec(
                *words, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, process_group=0
            )
        except OSError as error:
            raise CannotStartError(f"{words[0]} cannot be started: {error.strerror}.") from None
        program = Program(process)
        hearing = asyncio.create_task(program.hear(ended))
        try:
            yield program
        finally:
            program.kill()
            await asyncio.wait({hearing}, timeout=5)
            hearing.cancel()

    return start
