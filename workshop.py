"""Runs a lesson: its server on a free port, its client against it, and both heard as they speak.

`uv run workshop` lists the lessons, `uv run workshop 07` runs one, `uv run workshop --all` runs each.
`uv run workshop break 07` lists edits that break a lesson, `uv run workshop break 07 2` tries the second.
A lesson whose play has more than one act has a `show.py`, which is run instead and says itself who speaks.
"""

import ctrl_c  # noqa: F401, I001 # pyright: ignore[reportUnusedImport] (first of all)

import argparse
import re
import runpy
import sys
import time
from pathlib import Path

from rich.table import Table

import breaks
from stage import BrokenError, Screen, Stage

ROOT = Path(__file__).parent
QUICK = ("--retry", "500")  # a play does not wait as long as a client should
STOPPING = 60  # seconds for a show, which has programs of its own to stop


def lessons() -> list[Path]:
    there = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))
    if not there:
        raise BrokenError(
            "There are no lessons here: run `uv run workshop` in a checkout of the repository, "
            "where they lie beside workshop.py."
        )
    return there


def find(name: str) -> Path:
    for lesson in lessons():
        if name in (lesson.name, lesson.name[:2], lesson.name[:2].lstrip("0")):
            return lesson
    there = ", ".join(lesson.name[:2] for lesson in lessons())
    raise BrokenError(f"There is no lesson {name!r}. There are: {there}.")


def title(lesson: Path) -> str:
    with (lesson / "README.md").open(encoding="utf-8") as readme:
        return readme.readline().lstrip("# ").rstrip()


async def play(stage: Stage, lesson: Path, port: int, client_flags: list[str]) -> int:
    """Server and client, from start to end; the exit code is the client's."""
    if (lesson / "show.py").exists():
        if port:
            raise BrokenError(f"Lesson {lesson.name[:2]} chooses its ports itself: leave out --port.")
        async with stage.speaking("", "show.py", *client_flags, folder=lesson) as show:
            return await show.end()
    async with stage.speaking("server", "server.py", "--port", str(port), *QUICK, folder=lesson) as server:
        url = await server.address()
        async with stage.speaking(
            "client", "client.py", "--url", url, *client_flags, folder=lesson
        ) as client:
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
        summary.add_row(lesson.name[:2], title(lesson), str(codes[-1]), f"{time.monotonic() - began:.0f}")
    stage.console.print(summary)
    return max(codes)


async def show_lessons(stage: Stage) -> int:
    for lesson in lessons():
        stage.console.print(f"{lesson.name[:2]}  {title(lesson)}")
    stage.console.print("Run one:  uv run workshop 07")
    return 0


async def break_it(stage: Stage, words: list[str]) -> int:
    """Without a row, lists them."""
    lesson, rows = find(words[0]), breaks.read(find(words[0]))
    if len(words) == 1:
        stage.console.print(breaks.listed(rows))
        stage.console.print(f"Try one:  uv run workshop break {lesson.name[:2]} 1")
        return 0
    if not words[1].isdecimal() or not 1 <= int(words[1]) <= len(rows):
        raise BrokenError(f"There is no row {words[1]!r}. There are: 1 to {len(rows)}.")
    return await breaks.tried(stage, lesson, rows[int(words[1]) - 1])


def save_picture(console: Screen, file: Path, title: str) -> None:
    svg = console.export_svg(title=title)
    own_fonts = re.sub(
        r"@font-face \{.*?\}", "", svg, flags=re.DOTALL
    )  # instead of ones that each viewer fetches
    file.write_text("\n".join(line.rstrip() for line in own_fonts.splitlines()) + "\n", encoding="utf-8")


def simple_streamablehttp() -> None:
    """`uv run mcp-simple-streamablehttp`: the server of lesson 08, from anywhere in the checkout."""
    try:
        server = find("08") / "server.py"
    except BrokenError as error:
        sys.exit(str(error))
    sys.path.insert(0, str(server.parent))
    runpy.run_path(str(server), run_name="__main__")


def parse_flags() -> tuple[argparse.Namespace, list[str]]:
    """Our own, and what follows -- for the client."""
    words = sys.argv[1:]
    own = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(
        description="Runs a lesson; without one, lists them.",
        epilog="What follows -- goes to the lesson's client.",
        usage="workshop [07 | --all | break 07 [ROW]] [--port PORT] [--save-svg FILE] [-- ...]",
    )
    parser.add_argument("words", nargs="*", metavar="07", help="a lesson's number; after break, a row's too")
    parser.add_argument("--all", action="store_true", help="run each lesson, and sum up")
    parser.add_argument("--port", type=int, default=0, help="for the server (default: a free one)")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save what is shown as a picture")
    flags, unknown = parser.parse_known_args(words[:own])
    names: list[str] = flags.words
    for_client = words[own + 1 :]
    if unknown:
        line = " ".join(["uv run workshop", *names, "--", *unknown, *for_client])
        parser.error(f"{unknown[0]} is not for workshop. What is for the client comes after --:  {line}")
    if flags.all and (names or for_client or flags.port):
        parser.error("--all runs each lesson as it is: leave out the lesson, --port and what follows --")
    if names[:1] == ["break"]:
        if not 2 <= len(names) <= 3 or for_client or flags.port:
            parser.error("after break comes a lesson, and a row if you like:  uv run workshop break 07 2")
    elif len(names) > 1:
        parser.error("run one lesson, or --all")
    elif for_client and not names:
        parser.error("which lesson?  uv run workshop 07 -- ...")
    return flags, for_client


def main() -> None:
    flags, for_client = parse_flags()
    names: list[str] = flags.words
    recorded = flags.save_svg is not None
    console = Screen(
        highlight=False, record=recorded, force_terminal=recorded or None, width=100 if recorded else None
    )
    stage = Stage(ROOT, console, "workshop", STOPPING)

    async def asked() -> int:
        if flags.all:
            return await play_all(stage)
        if names[:1] == ["break"]:
            return await break_it(stage, names[1:])
        if names:
            return await play(stage, find(names[0]), flags.port, for_client)
        return await show_lessons(stage)

    code = stage.perform(asked())
    if recorded:
        save_picture(console, flags.save_svg, " ".join(["uv run workshop", *(names or ["--all"])]))
    sys.exit(code)


if __name__ == "__main__":
    main()
