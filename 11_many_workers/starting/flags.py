"""How this server starts: on which storage, and with how many workers."""

import argparse
import asyncio
import socket
import sys
from collections.abc import Callable

from starlette.types import ASGIApp

from plumbing.launch import add_flags, listen, port_number, positive_int, read_flags, url_of
from starting.limits import REDIS, Limits, Settings
from starting.storage import answers, broken, chosen, without_password
from starting.workers import run

NO_REDIS = (
    "There is no Redis at {}. Three ways to get one: a package (apt install redis-server, "
    "brew install redis), a container (docker run -p 6379:6379 redis), or `uv run workshop 11`, "
    "which finds or starts its own."
)
NO_URL = "{} is no address of a Redis: write it as redis://127.0.0.1:6379/0."
ALONE = (
    "Several workers share sessions, events and fan-out by Redis: leave out --workers {}, or use "
    "--storage redis, without another --buffer or --broker."
)
NOTHING = "Without a buffer and without a broker no message would ever come: choose one of the two."


def start(create_app: Callable[[Settings], ASGIApp]) -> None:
    parser = parser_of_flags()
    flags = parser.parse_args()
    limits = read_flags(parser, flags, Limits)
    storage = flags.storage or ("redis" if flags.redis else None)
    asked = Settings(limits, storage, flags.redis or REDIS, flags.file, flags.buffer, flags.broker)
    settings, workers = asyncio.run(usable(asked, flags.workers))
    listener = listen(limits.host, flags.port)
    if sys.platform == "linux":  # what a killed worker leaves to a reader that never reads is ended, too
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.max_stall * 1000))
    alone = "" if storage or settings.storage == "redis" else f" (no Redis at {REDIS}, so it runs alone)"

    def tell() -> None:
        print(f"listening on {url_of(limits.host, listener)}", flush=True)
        print(f"{told(settings)}; workers: {workers}{alone}", flush=True)

    run(create_app, settings, workers, listener, tell)


async def usable(asked: Settings, workers: int) -> tuple[Settings, int]:
    """What is used, and how many workers; or it ends here, with a sentence."""
    redis = without_password(asked.redis)
    try:
        settings = await chosen(asked)
        uses_redis = "redis" in (settings.storage, settings.buffer, settings.broker)
        if uses_redis and not await answers(settings.redis):
            sys.exit(NO_REDIS.format(redis))
        why = await broken(settings)
    except ValueError:
        sys.exit(NO_URL.format(redis))
    if settings.buffer == settings.broker == "none":
        sys.exit(NOTHING)
    shared = settings.storage == settings.buffer == "redis" and settings.broker != "memory"
    if workers > 1 and not shared:
        if asked.storage or asked.buffer or asked.broker:
            sys.exit(ALONE.format(workers))
        workers = 1
    if why:
        sys.exit(why)
    return settings, workers


def told(settings: Settings) -> str:
    where = {"redis": without_password(settings.redis), "sqlite": settings.file, "memory": "this process"}
    parts = [f"storage {settings.storage}: {where[str(settings.storage)]}"]
    usual = Settings(settings.limits).on(settings.storage or "sqlite")
    if settings.buffer != usual.buffer:
        unkept = ": no ids, so nothing is resumed" if settings.buffer == "none" else ""
        parts.append(f"buffer {settings.buffer}{unkept}")
    if settings.broker != usual.broker:
        seldom = f": what is new is found each {settings.limits.ping:g} s"
        late = seldom if settings.broker == "none" else ""
        parts.append(f"broker {settings.broker}{late}")
    return "; ".join(parts)


def parser_of_flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A Streamable HTTP server whose workers may die.")
    add = parser.add_argument
    add("--port", type=port_number, default=8000, help="0 takes a free one (default: %(default)s)")
    add("--workers", type=positive_int, default=1, help="processes (default: %(default)s)")
    add(
        "--storage",
        choices=["memory", "sqlite", "redis"],
        help="where sessions and jobs are kept (default: Redis if one runs, else SQLite)",
    )
    add("--buffer", metavar="KIND", help="none, memory, sqlite, redis, or your own, as module:Class")
    add("--broker", choices=["none", "memory", "redis"], help="(default, as for --buffer: the storage's)")
    add("--redis", metavar="URL", help=f"(default: {REDIS})")
    add("--file", default=Settings.file, help="for SQLite (default: %(default)s)")
    add_flags(parser, Limits)
    return parser
