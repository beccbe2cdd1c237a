"""What the judge is asked on the command line: flags, and after -- the client's command."""

import argparse
import random
import shlex
import sys
from pathlib import Path

from judging.judge import CASES, Case

USAGE = """%(prog)s [FLAGS] -- COMMAND ... {url}    judge the client that this command starts
       %(prog)s [--case NAME] [--port N]        play one case to whoever comes
       %(prog)s --list                          name the cases, and what each asks"""
SECONDS = 75.0


def seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


def several(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Says what an MCP client loses when it is cut.", usage=USAGE)
    add = parser.add_argument
    add("--case", action="append", metavar="NAME", help="only this one; may be given several times")
    add(
        "--expect",
        default="done",
        metavar="PHRASE",
        help="what must come on its output (default: %(default)s)",
    )
    add("--seed", type=int, help="of all that is random (default: a new one, which is printed)")
    add("--strict", action="store_true", help="a broken SHOULD counts, too")
    add(
        "--time-limit",
        type=seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="of silence (default: %(default)g)",
    )
    add(
        "--at-once",
        type=several,
        default=4,
        metavar="N",
        help="clients at the same time (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML, for CI")
    add("--html", type=Path, metavar="FILE", help="write a page that shows each case and its evidence")
    add(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="JSON to show in the same page",
    )
    add("--badge", type=Path, metavar="FILE", help="write a small SVG that says what was found")
    add("--list", action="store_true", help="name the cases")
    add("--port", type=int, default=8000, help="without a command: 0 takes a free one (default: %(default)s)")
    return parser


def parse_flags() -> argparse.Namespace:
    given = sys.argv[1:]
    own = given.index("--") if "--" in given else len(given)
    ready = parser()
    flags = ready.parse_args(given[:own])
    flags.client = given[own + 1 :]
    if "--" in given and not any("{url}" in word for word in flags.client):
        ready.error(f"the command needs {{url}}:  {ready.prog} -- node my_client.mjs {{url}}")
    chosen = [found(ready, name) for name in flags.case or ()]
    flags.cases = sorted(chosen or CASES, key=CASES.index)
    flags.seed = random.randrange(100_000) if flags.seed is None else flags.seed  # noqa: S311
    return flags


def found(ready: argparse.ArgumentParser, name: str) -> Case:
    for case in CASES:
        if case.name.replace(" ", "-") == name.strip().replace(" ", "-"):
            return case
    return ready.error(f"there is no case {name!r}: see --list")


def repeating(flags: argparse.Namespace) -> str:
    """The command that judges again, without the case and the seed."""
    words = program()
    words += ["--expect", flags.expect] if flags.expect != "done" else []
    words += ["--time-limit", f"{flags.time_limit:g}"] if flags.time_limit != SECONDS else []
    return f"{shlex.join(words)} -- {shlex.join(flags.client)}"


def program() -> list[str]:
    """What was typed: the lesson's script, or the installed program."""
    name = Path(sys.argv[0]).stem
    return ["uv", "run", "server.py"] if name in ("server", "__main__", "workshop") else [name]
