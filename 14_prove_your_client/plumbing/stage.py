"""The stage of a play: its programs are heard as they speak, and end when the play ends, however it ends.

speaker  a program of the play, and what it has said; each line is shown, and whose line it is
watcher  who draws the wire, if anybody does; `WORKSHOP_WIRE` says where to find it, and its key
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

STYLES = {"server": "magenta", "network": "yellow", "client": "cyan"}
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]


class BrokenError(Exception):
    """What did not go as it should, in a sentence."""


class Screen(Console):
    def on_broken_pipe(self) -> None:
        """Who has seen enough, as `head` has, does not stop the play: its programs end as they should."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Watcher:
    """Is told of one program's life, and may lead its calls through itself; without an address, nobody."""

    def __init__(self, address: str) -> None:
        self._port, _, self._key = address.partition(" ")
        self._line: asyncio.StreamWriter | None = None

    async def lead(self, whose: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
        """What the program is started with: the watcher may have put its own address in a URL's place."""
        if not self._port:
            return arguments
        answer, self._line = await asyncio.open_connection("127.0.0.1", int(self._port))
        self.tell({"key": self._key, "starts": whose, "arguments": arguments})
        led: list[str] = json.loads(await answer.readline())
        return tuple(led)

    def tell(self, fact: Mapping[str, object]) -> None:
        if self._line and not self._line.is_closing():
            self._line.write(json.dumps(fact).encode() + b"\n")

    def leave(self, code: int | None) -> None:
        self.tell({"ends": code})
        if self._line:
            self._line.close()


class Speaker:
    def __init__(self, whose: str, process: Process, show: Callable[[Text], None]) -> None:
        self.whose, self.process = whose, process
        self.lines: list[str] = []  # without colour, so that words are found
        self._news = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear(show))

    async def _hear(self, show: Callable[[Text], None]) -> None:
        if self.process.stdout is None:
            raise ValueError("the process has no pipe to be heard through")
        async for raw in self.process.stdout:
            line = Text.from_ansi(raw.decode(errors="replace").rstrip())
            self.lines.append(line.plain)
            show(line)
            self._news.set()
        self._news.set()

    async def wait_for(self, pattern: str, times: int = 1, told: str = "") -> re.Match[str]:
        """The match in the line that makes it so many; waits until it is said."""
        while True:
            found = [match for line in self.lines if (match := re.search(pattern, line))]
            if len(found) >= times:
                return found[times - 1]
            if self._hearing.done():
                code = await self.process.wait()
                why = f"ended (exit code {code}) before it said {told or repr(pattern)}"
                raise BrokenError(f"The {self.whose} {why}.")
            self._news.clear()
            await self._news.wait()

    async def address(self) -> str:
        """Where a server listens."""
        return (await self.wait_for(r"listening on (http://\S+)", told="where it listens"))[1]

    async def end(self) -> int:
        """Its exit code, when it has said all it had to say."""
        await asyncio.shield(self._hearing)  # who waits may be cancelled, and it is heard on
        return await self.process.wait()

    async def stop(self, patience: float) -> None:
        """Asks it to end; one that does not is killed."""
        try:
            if (
                self.process.returncode is None
            ):  # not by its `terminate`, which may reap what asyncio waits for
                with contextlib.suppress(OSError):
                    os.kill(self.process.pid, signal.SIGTERM)
            async with asyncio.timeout(patience):
                await self.end()
        except TimeoutError:
            with contextlib.suppress(OSError):
                self.process.kill()
            await self.end()


class Stage:
    def __init__(self, folder: Path, console: Console, whose: str = "show", patience: float = 20) -> None:
        self.folder, self.console, self.whose = folder, console, whose
        self.python: tuple[str, ...] = (sys.executable,)
        self.shows_programs = True
        self.patience = patience  # seconds for a program to end when it is asked to
        self.stopped = False
        self.watched_by = os.environ.get("WORKSHOP_WIRE", "")

    def say(self, whose: str, line: Text | str) -> None:
        if not self.stopped:
            self.show(Text(f"{whose:<7} ", STYLES.get(whose, "bold")).append(line))

    def show(self, line: Text) -> None:
        """A terminal breaks a line between words; who reads a pipe gets it whole."""
        self.console.print(line, soft_wrap=not self.console.file.isatty())

    def _hear(self, whose: str, line: Text) -> None:
        if not self.shows_programs:
            return
        if whose:
            self.say(whose, line)
        elif not self.stopped:  # it says itself who speaks
            self.show(line)

    @contextlib.asynccontextmanager
    async def speaking(
        self, whose: str, *arguments: str, folder: Path | None = None
    ) -> AsyncGenerator[Speaker]:
        """A Python program for as long as it is needed; Ctrl-C is for the play, which ends its programs."""
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        environment |= {"WORKSHOP_WIRE": self.watched_by}
        if self.console.is_terminal and not self.console.no_color:
            width = str(self.console.width - 8 * bool(whose))
            environment |= {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "COLUMNS": width}
        watcher = Watcher(self.watched_by)
        process = await asyncio.create_subprocess_exec(
            *self.python,
            *await watcher.lead(whose, arguments),
            cwd=folder or self.folder,
            env=environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            process_group=0,
        )

        def hear(line: Text) -> None:
            watcher.tell({"says": line.plain})
            self._hear(whose, line)

        speaker = Speaker(whose, process, hear)
        try:
            yield speaker
        finally:
            await speaker.stop(self.patience)
            watcher.leave(process.returncode)

    async def _until_stopped(self, play: Coroutine[None, None, int]) -> int:
        """Plays; Ctrl-C or a request to end cancels it, once, and whatever comes after that is too late."""
        loop, playing = asyncio.get_running_loop(), asyncio.ensure_future(play)

        def stop(*_: object) -> None:
            if not self.stopped:
                self.stopped = True
                loop.call_soon_threadsafe(playing.cancel)

        for number in SIGNALS:
            signal.signal(number, stop)
        try:
            return await playing
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    def perform(self, play: Coroutine[None, None, int]) -> int:
        """The exit code: what the play gives, 1 when something is broken, 130 when it is stopped."""
        try:
            code = asyncio.run(self._until_stopped(play))
        except (BrokenError, OSError) as broken:
            code, why = 1, ("broken: " if self.whose == "show" else "") + (str(broken) or "It took too long.")
        except asyncio.CancelledError:
            code, why = 130, ""
        else:
            why = ""
        if self.stopped:
            self.stopped = False
            code, why = 130, "stopped"
        if why:
            self.say(self.whose, Text(why, "bold red"))
        return code
