"""Plays a lesson: its server on a free port, its client against it, and both heard as they speak.

A lesson whose play has more than one act has a `show.py`, which is run instead and says itself who speaks.
"""

import time
from pathlib import Path

from rich.table import Table

from workshop import progress
from workshop.lessons import in_a_checkout, lessons, number, title
from workshop.packages import python_for
from workshop.stage import BrokenError, Stage

QUICK = ("--retry", "500")  # a play does not wait as long as a client should


async def play(stage: Stage, lesson: Path, port: int, client_flags: list[str]) -> int:
    """From start to end; the exit code is the client's."""
    stage.python = python_for(lesson)
    code = await (show if (lesson / "show.py").exists() else serve_and_call)(
        stage, lesson, port, client_flags
    )
    if code == 0:
        progress.add(run=number(lesson))
    return code


async def show(stage: Stage, lesson: Path, port: int, client_flags: list[str]) -> int:
    if port:
        raise BrokenError(f"Lesson {number(lesson)} chooses its ports itself: leave out --port.")
    async with stage.speaking("", "show.py", *client_flags, folder=lesson) as show:
        return await show.end()


async def serve_and_call(stage: Stage, lesson: Path, port: int, client_flags: list[str]) -> int:
    async with stage.speaking("server", "server.py", "--port", str(port), *QUICK, folder=lesson) as server:
        call = ("client.py", "--url", await server.address(), *client_flags)
        async with stage.speaking("client", *call, folder=lesson) as client:
            code = await client.end()
        if server.process.returncode is not None:
            raise BrokenError(f"The server died (exit code {server.process.returncode}).")
    return code


async def play_all(stage: Stage) -> int:
    summary = Table("lesson", "", "exit code", "seconds")
    codes: list[int] = []
    for lesson in lessons():
        stage.console.rule(title(lesson))
        began = time.monotonic()
        codes.append(await play(stage, lesson, 0, []))
        summary.add_row(number(lesson), title(lesson), str(codes[-1]), f"{time.monotonic() - began:.0f}")
    stage.console.print(summary)
    return max(codes)


async def check(stage: Stage, lesson: Path) -> int:
    """Grades the exercise, in the learner's own files."""
    if not in_a_checkout():
        raise BrokenError("The exercises are for a checkout, where you can edit the lessons: clone it.")
    stage.python = python_for(lesson)
    async with stage.speaking("", "check.py", folder=lesson) as checking:
        code = await checking.end()
    if code == 0:
        progress.add(solved=number(lesson))
    return code
