"""A lesson that is played while its wire is recorded: for the page, for the terminal, for a file."""

import asyncio
import contextlib
import os
import sys
import tempfile
import webbrowser
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from workshop import breaks
from workshop.lessons import number, title
from workshop.packages import python_for
from workshop.play import play
from workshop.stage import BrokenError, Screen, Stage
from workshop.wire import notes
from workshop.wire.record import Record
from workshop.wire.saved import as_page
from workshop.wire.serving import served
from workshop.wire.terminal import draw
from workshop.wire.watching import Watching


@dataclass(frozen=True)
class Ways:
    """How the wire is to be seen."""

    page: bool = False
    wire: bool = False
    save: Path | None = None
    port: int = 0  # of the page

    @property
    def any(self) -> bool:
        return self.page or self.wire or self.save is not None


class Seeing:
    def __init__(self, stage: Stage, lesson: Path) -> None:
        self._stage, self._lesson = stage, lesson
        self._rows = breaks.read(lesson) if (lesson / "breaks.toml").exists() else []
        self._runs = 0
        self._breaking: asyncio.Task[None] | None = None
        self.record = Record()
        self.notes = notes.read(lesson)
        self.record.add(
            0,
            "lesson",
            title=title(lesson),
            number=number(lesson),
            notes=self.notes.as_json(),
            breaks=[{"title": row.title, "laws": [*row.laws]} for row in self._rows],
        )

    async def play(self, port: int, client_flags: list[str]) -> int:
        """The exit code of the lesson as it is."""
        self.record.add(0, "run", title="as it is")
        code = 1
        watching = Watching(self.record, 0, self.notes.play.verdict if self.notes.play else "")
        try:
            async with watching.on():
                self._stage.watched_by = watching.address
                code = await self._played(port, client_flags)
        except BrokenError as broken:
            self.record.add(0, "broke", text=str(broken))
            raise
        finally:
            self.record.add(0, "over", code=code)
        return code

    async def _played(self, port: int, client_flags: list[str]) -> int:
        """As `play.py` plays it, or one case that the notes have chosen."""
        if not self.notes.play:
            return await play(self._stage, self._lesson, port, client_flags)
        chosen = self.notes.play
        stage, folder = self._stage, self._lesson
        stage.python = python_for(folder)
        served_at = ("server.py", "--port", str(port), *chosen.server)
        async with stage.speaking("server", *served_at, folder=folder) as server:
            url = await server.address()
            flags = [url if flag == "{url}" else flag for flag in chosen.client]
            async with stage.speaking("client", "client.py", *flags, *client_flags, folder=folder) as client:
                return await client.end()

    async def break_it(self, row: int) -> str | None:
        """Begins a run of a broken copy beside the sound one. Why not, if it does not."""
        if not 1 <= row <= len(self._rows):
            return "There is no such row."
        if self._breaking and not self._breaking.done():
            return "Another broken run is under way: wait until it has ended."
        self._runs += 1
        self._breaking = asyncio.create_task(self._break(self._runs, self._rows[row - 1]))
        return None

    async def _break(self, run: int, row: breaks.Row) -> None:
        self.record.add(run, "run", title=f"broken: {row.title}")
        stage = Stage(self._stage.folder, Screen(quiet=True), "workshop", self._stage.patience)
        stage.python = python_for(self._lesson)
        watching = Watching(self.record, run)
        async with watching.on():
            stage.watched_by = watching.address
            try:
                with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                    shown = await breaks.shown(stage, self._lesson, row, Path(folder))
            except (BrokenError, OSError) as broken:
                self.record.add(run, "broke", text=str(broken))
            else:
                self.record.add(run, "shown", text=shown)

    async def end(self) -> None:
        if self._breaking:
            self._breaking.cancel()
            await asyncio.wait([self._breaking])


@contextlib.asynccontextmanager
async def on_the_terminal(stage: Stage, seeing: Seeing) -> AsyncGenerator[None]:
    drawing = asyncio.create_task(draw(seeing.record, stage.console))
    try:
        yield
        await drawing
    finally:
        drawing.cancel()


@contextlib.asynccontextmanager
async def on_a_page(stage: Stage, seeing: Seeing, port: int) -> AsyncGenerator[None]:
    async with served(seeing.record, seeing.break_it, port) as url:
        stage.say("page", url)
        if sys.stdout.isatty() and has_a_screen():
            await asyncio.to_thread(webbrowser.open, url)
        yield
        stage.say("page", f"{url} stays until you press Ctrl-C")
        await asyncio.Event().wait()


def has_a_screen() -> bool:
    """Else a browser for the terminal might come, and take it."""
    return sys.platform in ("win32", "darwin") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


async def see(stage: Stage, lesson: Path, port: int, client_flags: list[str], ways: Ways) -> int:
    seeing = Seeing(stage, lesson)
    async with contextlib.AsyncExitStack() as there:
        there.push_async_callback(seeing.end)
        if ways.wire:
            stage.shows_programs = False
            await there.enter_async_context(on_the_terminal(stage, seeing))
        if ways.page:
            await there.enter_async_context(on_a_page(stage, seeing, ways.port))
        try:
            code = await seeing.play(port, client_flags)
        except BrokenError as broken:
            if not ways.page:
                raise
            stage.say("broken", str(broken))
            code = 1
        finally:
            if ways.save:
                ways.save.write_text(as_page(seeing.record.facts), encoding="utf-8")
                stage.say("saved", str(ways.save))
    return code
