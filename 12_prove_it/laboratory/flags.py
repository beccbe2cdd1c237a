"""What the checker is asked on the command line, and the command that asks the same again."""

import argparse
import os
import random
import re
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from laboratory.settings import NAME, UnreadableError, settings
from laboratory.tools import Arguments

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEADER = re.compile(r"([!#$%&'*+.^`|~\w-]+)\s*[:=]\s*(.*)")
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
STDIO = (
    "That is a command. A stdio server has no connection that could be cut, and so nothing to resume: "
    "put a gateway that speaks Streamable HTTP before it, and give its URL.\n"
)
DEFAULTS = {
    "era": "2025-11-25",
    "protocol": "2025-11-25",
    "time_limit": 180.0,
    "patience": 3.0,
    "quiet": 1.5,
    "flood": None,
}


def as_text(arguments: Arguments) -> str:
    return TypeAdapter(Arguments).dump_json(arguments).decode()


def arguments(text: str) -> Arguments:
    try:
        return TypeAdapter(Arguments).validate_json(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(
            f"{text} is not a JSON object, such as '{{\"count\": 10}}'"
        ) from None


def header(text: str) -> tuple[str, str]:
    if not (found := HEADER.fullmatch(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return found[1].lower(), found[2].strip()


def from_environment(value: str) -> str:
    """A secret need not stand in a command: `$NAME` in a header's value is the variable."""

    def look_up(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ:
            raise argparse.ArgumentTypeError(f"there is no variable {name} in the environment")
        return os.environ[name]

    return VARIABLE.sub(look_up, value)


def seconds(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Says which laws of resumption an MCP server keeps.")
    add = parser.add_argument
    add("url", nargs="?", help="the server's endpoint; without it, the gallery")
    add("--tool", help="the tool to call; without it, the tools are tried and listed")
    more = "(default: made from the tool's schema)"
    for name, what in (
        ("--args", "a few messages, some time between"),
        ("--fast-args", "many messages, close together"),
        ("--long-args", "some messages, over six seconds"),
    ):
        add(name, type=arguments, metavar="JSON", help=f"arguments for {what} {more}")
    add(
        "--header",
        type=header,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="for each request; $VARIABLE in it is taken from the environment",
    )
    add(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"where else to find all this (default: {NAME}, if it is here and no URL is given)",
    )
    add("--era", choices=("2025-11-25", "2026-07-28"), help="resumption, or tasks (default: %(default)s)")
    add("--fail-args", type=arguments, metavar="JSON", help="2026-07-28: arguments with which the tool fails")
    add("--ask-args", type=arguments, metavar="JSON", help="2026-07-28: arguments with which the tool asks")
    add(
        "--other-header",
        type=header,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="2026-07-28: how somebody else signs in, as --header",
    )
    add("--protocol", help="version to ask for (default: %(default)s)")
    add("--law", type=int, choices=range(1, 11), metavar="N", help="only this law; with --seed, one case")
    add("--seed", type=int, help="of all that is random (default: a new one, which is printed)")
    add("--strict", action="store_true", help="a broken SHOULD counts, too")
    add("--time-limit", type=seconds, help="seconds for all of it (default: %(default)g)")
    add("--patience", type=seconds, help="seconds of silence before one is sure (default: %(default)g)")
    add("--quiet", type=seconds, help="seconds of silence after which a call is over (default: %(default)g)")
    add(
        "--flood",
        type=int,
        metavar="N",
        help="send so many messages in one session (default: until the first is forgotten)",
    )
    add("--cacert", type=Path, metavar="FILE", help="certificates to trust besides the usual ones, as PEM")
    add("--insecure", action="store_true", help="trust any certificate")
    add("--json", type=Path, metavar="FILE", help="write the result as JSON")
    add("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML, for CI")
    add("--html", type=Path, metavar="FILE", help="write a page that shows each question and its evidence")
    add(
        "--beside",
        type=Path,
        action="append",
        default=[],
        metavar="JSON",
        help="an earlier run, in that page",
    )
    add("--badge", type=Path, metavar="FILE", help="write a small SVG that says what was found")
    add("--save-svg", type=Path, metavar="FILE", help="write a picture of what is printed")
    add("--i-own-this-server", action="store_true", help="needed for a server that is not on this machine")
    parser.set_defaults(**DEFAULTS)
    return parser


def parse_flags() -> argparse.Namespace:
    ready = parser()
    flags, more = ready.parse_known_args()
    if flags.url and "://" not in flags.url and (more or " " in flags.url or shutil.which(str(flags.url))):
        ready.exit(2, STDIO)
    if more:
        ready.error(f"not understood: {shlex.join(more)}")
    config = flags.config or (Path(NAME) if Path(NAME).exists() and not flags.url else None)
    if config:
        try:
            ready.set_defaults(**settings(config))
        except UnreadableError as mistake:
            ready.exit(2, f"{mistake}\n")
        flags = ready.parse_args()
    if flags.url:
        try:
            url = urlsplit(str(flags.url))
            host, _ = url.hostname, url.port
        except ValueError:
            ready.error(f"{flags.url} is not a URL, such as http://127.0.0.1:8000/mcp")
        if url.scheme not in ("http", "https") or not host:
            ready.error(f"{flags.url} is not a URL, such as http://127.0.0.1:8000/mcp")
        if host not in LOOPBACK and not flags.i_own_this_server:
            ready.error("connections are cut by the hundred: for a server elsewhere, say --i-own-this-server")
    try:
        flags.headers = {name.lower(): from_environment(value) for name, value in flags.header}
        flags.other = {name.lower(): from_environment(value) for name, value in flags.other_header}
    except argparse.ArgumentTypeError as mistake:
        ready.error(str(mistake))
    flags.seed_is_given = flags.seed is not None
    flags.seed = flags.seed if flags.seed_is_given else random.randrange(100_000)  # noqa: S311
    return flags


def repeating(flags: argparse.Namespace) -> str:
    """All that decides what is asked. A header's value may be secret: it is taken from the environment."""
    words = [*program(), flags.url or "", "--tool", flags.tool or ""]
    for name in ("args", "fast_args", "long_args", "fail_args", "ask_args"):
        if (value := getattr(flags, name)) is not None:
            words += [option(name), as_text(value)]
    for flag in ("header", "other_header"):
        for name, value in getattr(flags, flag):
            shown = value if VARIABLE.search(value) else f"${name.upper().replace('-', '_')}"
            words += [option(flag), f"{name}={shown}"]
    for name, default in DEFAULTS.items():
        if (value := getattr(flags, name)) != default:
            words += [option(name), f"{value:g}" if isinstance(value, float) else str(value)]
    if flags.cacert:
        words += ["--cacert", str(flags.cacert)]
    words += [option(name) for name in ("insecure", "i_own_this_server") if getattr(flags, name)]
    return shlex.join(words)


def program() -> list[str]:
    """What was typed: the lesson's script, or the installed program."""
    name = Path(sys.argv[0]).stem
    return ["uv", "run", "client.py"] if name == "client" else [name]


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
