"""The commands of `uv run workshop`."""

import argparse
import asyncio
import re
import sys
from pathlib import Path

from rich.table import Table
from rich.text import Text

from workshop import breaks, progress, tools
from workshop.lessons import CHECKOUT, find, lessons, number, title
from workshop.packages import prepare, python_for
from workshop.play import check, play, play_all
from workshop.stage import BrokenError, Screen, Stage
from workshop.wire.seeing import Ways, see

STOPPING = 60  # seconds for a show, which has programs of its own to stop
USAGE = """workshop                    list the lessons, and what you have done
       workshop next               say what to do now
       workshop 07 [-- FLAGS]      run a lesson; FLAGS are for its client
       workshop 07 --page          and see its wire on a page (--save FILE)
       workshop 07 --wire          and see its wire here
       workshop break 07           list the ways to break it
       workshop break 07 2         try the second (add checker: ask lesson 12)
       workshop check 07           grade the exercise
       workshop judge -- COMMAND   judge the client that it starts with {url}
       workshop --all              run every lesson
       workshop --prepare          fetch what all lessons need to run offline"""
AFTER = {
    "break": "after break comes a lesson, and a row if you like:  uv run workshop break 07 2",
    "check": "after check comes a lesson:  uv run workshop check 07",
    "next": "next stands alone:  uv run workshop next",
}
MOST_WORDS = {"break": 4, "check": 2, "next": 1}


async def list_lessons(stage: Stage) -> int:
    done = progress.load()
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for lesson in lessons():
        table.add_row(number(lesson), title(lesson).partition(": ")[2], done.of(number(lesson)))
    stage.console.print(table)
    return await say_next(stage)


async def say_next(stage: Stage) -> int:
    step = progress.load().next_step([number(lesson) for lesson in lessons()])
    stage.show(Text(step))
    return 0


async def break_it(stage: Stage, lesson: Path, row: str = "", asked: str = "client") -> int:
    """Without a row, lists them."""
    rows, try_one = breaks.read(lesson), f"uv run workshop break {number(lesson)} 1"
    if not row:
        stage.console.print(breaks.listed(rows))
        stage.console.print(f"Try one:  {try_one}")
        return 0
    if not row.isdecimal() or not 1 <= int(row) <= len(rows):
        raise BrokenError(f"There is no row {row!r}. There are: 1 to {len(rows)}.")
    if asked not in ("client", "checker"):
        raise BrokenError(f"After the row comes nothing, or `checker`:  {try_one} checker")
    if asked == "checker" and not rows[int(row) - 1].checker:
        raise BrokenError(f"Lesson 12's checker is not asked about row {row}.")
    stage.python = python_for(lesson)
    return await breaks.tried(stage, lesson, rows[int(row) - 1], checker=asked == "checker")


async def prepare_all(stage: Stage) -> int:
    for lesson in lessons():
        await asyncio.to_thread(prepare, lesson)
        stage.say("ready", title(lesson))
    return 0


def save_picture(console: Screen, file: Path, title: str) -> None:
    svg = console.export_svg(title=title)
    # Without fonts that each viewer would fetch.
    own_fonts = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    file.write_text("\n".join(line.rstrip() for line in own_fonts.splitlines()) + "\n", encoding="utf-8")


def parse_flags() -> tuple[argparse.Namespace, list[str], list[str]]:
    """Our own, the words among them, and what follows -- for the client."""
    given = sys.argv[1:]
    own = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog="workshop", usage=USAGE)
    parser.add_argument("words", nargs="*", metavar="07", help="a lesson, or a command and what it is about")
    parser.add_argument("--all", action="store_true", help="run each lesson, and sum up")
    parser.add_argument("--prepare", action="store_true", help="fetch what all lessons need")
    parser.add_argument("--port", type=int, default=0, help="for the server (default: a free one)")
    parser.add_argument("--page", action="store_true", help="draw what passes on the wire, on a page")
    parser.add_argument("--wire", action="store_true", help="draw what passes on the wire, here")
    parser.add_argument("--save", type=Path, metavar="FILE", help="save the page and the run as one file")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="save what is shown as a picture")
    flags, unknown = parser.parse_known_args(given[:own])
    words: list[str] = flags.words
    for_client = given[own + 1 :]
    command = words[0] if words and words[0] in AFTER else None
    if unknown:
        line = " ".join(["uv run workshop", *words, "--", *unknown, *for_client])
        parser.error(f"{unknown[0]} is not for workshop. What is for the client comes after --:  {line}")
    ways = flags.page or flags.wire or flags.save
    if ways and (flags.all or flags.prepare or command or not words):
        parser.error("--page, --wire and --save are for one lesson:  uv run workshop 07 --page")
    if (flags.all or flags.prepare) and (words or for_client or flags.port):
        parser.error("--all and --prepare are for each lesson as it is: leave out what else you have given")
    if command:
        least = 1 if command == "next" else 2
        if not least <= len(words) <= MOST_WORDS[command] or for_client or flags.port:
            parser.error(AFTER[command])
    elif len(words) > 1:
        parser.error("run one lesson, or --all")
    elif for_client and not words:
        parser.error("which lesson?  uv run workshop 07 -- ...")
    return flags, words, for_client


def main() -> None:
    if sys.argv[1:2] == ["judge"]:
        del sys.argv[1]
        tools.run("14", "server")
    flags, words, for_client = parse_flags()
    recorded = flags.save_svg is not None
    console = Screen(
        highlight=False, record=recorded, force_terminal=recorded or None, width=100 if recorded else None
    )
    stage = Stage(CHECKOUT, console, "workshop", STOPPING)

    ways = Ways(page=flags.page, wire=flags.wire, save=flags.save)

    async def asked() -> int:
        if flags.all:
            return await play_all(stage)
        if flags.prepare:
            return await prepare_all(stage)
        match words:
            case []:
                return await list_lessons(stage)
            case ["next"]:
                return await say_next(stage)
            case ["check", name]:
                return await check(stage, find(name))
            case ["break", name, *row]:
                return await break_it(stage, find(name), *row)
            case _ if ways.any:
                return await see(stage, find(words[0]), flags.port, for_client, ways)
            case _:
                return await play(stage, find(words[0]), flags.port, for_client)

    code = stage.perform(asked())
    if recorded:
        save_picture(console, flags.save_svg, " ".join(["uv run workshop", *(words or ["--all"])]))
    sys.exit(code)
