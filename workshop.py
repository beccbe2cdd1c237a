"""Runs a lesson: its server on a free port, its client against it, and both heard as they speak.

`uv run workshop` lists the lessons, `uv run workshop 07` runs one, `uv run workshop --all` runs each.
A lesson whose play has more than one act has a `show.py`, which is run instead and says itself who speaks.
"""

import argparse
import asyncio
import contextlib
import os
import re
import runpy
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

ROOT = Path(__file__).parent
PATIENCE = 20  # seconds for a server to answer, or to stop
STYLES = {"server": "magenta", "client": "cyan"}


class LessonError(Exception):
    """Why a lesson cannot be run, in a sentence."""


def lessons() -> list[Path]:
    return sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))


def find(name: str) -> Path:
    for lesson in lessons():
        if name in (lesson.name, lesson.name[:2], lesson.name[:2].lstrip("0")):
            return lesson
    there = ", ".join(lesson.name[:2] for lesson in lessons())
    raise LessonError(f"There is no lesson {name!r}. There are: {there}.")


def title(lesson: Path) -> str:
    with (lesson / "README.md").open(encoding="utf-8") as readme:
        return readme.readline().lstrip("# ").rstrip()


class Screen(Console):
    def on_broken_pipe(self) -> None:
        """Who has seen enough, as `head` has, does not stop the lesson: its processes end as they should."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Voice:
    """A process of a lesson: what it says is shown, and whose line it is."""

    def __init__(self, speaker: str, process: Process, console: Console) -> None:
        self.process = process
        self.url: str | None = None
        self._news = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear(speaker, console))

    async def _hear(self, speaker: str, console: Console) -> None:
        if self.process.stdout is None:
            raise ValueError("the process has no pipe to be heard through")
        async for raw in self.process.stdout:
            line = Text.from_ansi(raw.decode(errors="replace").rstrip())
            whose = line.plain.split(" ")[0] if speaker == "show" else speaker
            label = "" if speaker == "show" else f"{speaker}  "
            console.print(Text(label, STYLES.get(whose, "bold")) + line, soft_wrap=True)
            if said := re.search(r"listening on (http://\S+)", line.plain):
                self.url = said[1]
                self._news.set()
        self._news.set()

    async def address(self) -> str:
        """Where the server listens, once it answers there."""
        try:
            async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as http:
                await self._news.wait()
                if self.url is None:
                    code = await self.process.wait()
                    raise LessonError(f"The server ended before it answered (exit code {code}).")
                await http.get(self.url)  # whatever it answers, it does
                return self.url
        except (TimeoutError, httpx.TransportError):
            raise LessonError(f"The server did not answer within {PATIENCE} s.") from None

    async def end(self) -> int:
        """Its exit code, when it has said all it had to say."""
        await self._hearing
        return await self.process.wait()

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.end(), PATIENCE)
        except TimeoutError:
            self.process.kill()
            await self.end()


@contextlib.asynccontextmanager
async def voice(console: Console, speaker: str, lesson: Path, *arguments: str) -> AsyncGenerator[Voice]:
    """A process that ends at the latest when it is left."""
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
    if console.color_system:
        environment["FORCE_COLOR"] = "1"
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=lesson, env=environment, stdout=PIPE, stderr=STDOUT
    )
    speaking = Voice(speaker, process, console)
    try:
        yield speaking
    finally:
        await speaking.stop()


async def play(console: Console, lesson: Path, port: int, client_flags: list[str]) -> int:
    """Server and client, from start to end; the exit code is the client's."""
    if (lesson / "show.py").exists():
        if port:
            raise LessonError(f"{title(lesson)} is played on several ports, and chooses them itself.")
        async with voice(console, "show", lesson, "show.py", *client_flags) as show:
            return await show.end()
    async with voice(console, "server", lesson, "server.py", "--port", str(port)) as server:
        url = await server.address()
        async with voice(console, "client", lesson, "client.py", "--url", url, *client_flags) as client:
            code = await client.end()
        if server.process.returncode is not None:
            raise LessonError(f"The server died (exit code {server.process.returncode}).")
    return code


def play_all(console: Console) -> int:
    summary = Table("lesson", "", "exit code", "seconds")
    codes: list[int] = []
    for lesson in lessons():
        console.rule(title(lesson))
        began = time.monotonic()
        codes.append(asyncio.run(play(console, lesson, 0, [])))
        summary.add_row(lesson.name[:2], title(lesson), str(codes[-1]), f"{time.monotonic() - began:.0f}")
    console.print(summary)
    return max(codes)


def show_lessons(console: Console) -> int:
    for lesson in lessons():
        console.print(f"{lesson.name[:2]}  {title(lesson)}")
    console.print("Run one:  uv run workshop 07")
    return 0


def save_picture(console: Console, file: Path, title: str) -> None:
    svg = console.export_svg(title=title)
    own_fonts = re.sub(
        r"@font-face \{.*?\}", "", svg, flags=re.DOTALL
    )  # instead of ones that each viewer fetches
    file.write_text("\n".join(line.rstrip() for line in own_fonts.splitlines()) + "\n", encoding="utf-8")


def simple_streamablehttp() -> None:
    """`uv run mcp-simple-streamablehttp`: the server of lesson 08, from anywhere in the checkout."""
    server = find("08") / "server.py"
    sys.path.insert(0, str(server.parent))
    runpy.run_path(str(server), run_name="__main__")


def main() -> None:
    words = sys.argv[1:]
    own = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(
        description="Runs a lesson; without one, lists them.",
        epilog="What follows -- goes to the lesson's client.",
    )
    parser.add_argument("lesson", nargs="?", help="its number, such as 07")
    parser.add_argument("--all", action="store_true", help="run each lesson, and sum up")
    parser.add_argument("--port", type=int, default=0, help="for the server (default: a free one)")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save what is shown as a picture")
    flags = parser.parse_args(words[:own])
    recorded = flags.save_svg is not None
    console = Screen(
        highlight=False, record=recorded, force_terminal=recorded or None, width=100 if recorded else None
    )
    try:
        if flags.all:
            code = play_all(console)
        elif flags.lesson:
            code = asyncio.run(play(console, find(flags.lesson), flags.port, words[own + 1 :]))
        else:
            code = show_lessons(console)
    except LessonError as error:
        console.print(f"workshop  {error}", style="bold red")
        code = 1
    except KeyboardInterrupt:
        console.print("workshop  Stopped.", style="bold red")
        code = 130
    if recorded:
        save_picture(console, flags.save_svg, f"uv run workshop {flags.lesson or '--all'}")
    sys.exit(code)


if __name__ == "__main__":
    main()
