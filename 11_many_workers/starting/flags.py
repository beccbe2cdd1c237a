"""How this server starts: on which storage, and with how many workers."""

import argparse
import asyncio
import socket
import sys
from collections.abc import Callable

from starlette.types import ASGIApp

from plumbing.launch import add_flags, listen, port_number, positive_int, read_flags, url_of
from starting.limits import REDIS, Limits, Settings
from starting.storage import answers, broken, choose, without_password
from starting.workers import run

NO_REDIS = (
    "There is no Redis at {}. Three ways to get one: a package (apt install redis-server, "
    "brew install redis), a container (docker run -p 6379:6379 redis), or `uv run workshop 11`, "
    "which finds or starts its own."
)
NO_FILE = "Sessions cannot be kept in {} ({}): choose another file with --file."
NO_URL = "{} is no address of a Redis: write it as redis://127.0.0.1:6379/0."
ALONE = "SQLite and memory are for one process: start a Redis for --workers {}, or leave it out."


def start(create_app: Callable[[Settings], ASGIApp]) -> None:
    parser = parser_of_flags()
    flags = parser.parse_args()
    limits = read_flags(parser, flags, Limits)
    wanted = "redis" if flags.redis and not flags.storage else flags.storage
    settings = Settings(limits, wanted, flags.redis or REDIS, flags.file)
    redis = without_password(settings.redis)
    try:
        storage = asyncio.run(choose(settings))
        if storage == "redis" and not asyncio.run(answers(settings.redis)):
            sys.exit(NO_REDIS.format(redis))
    except ValueError:
        sys.exit(NO_URL.format(redis))
    workers = flags.workers
    if storage != "redis" and workers > 1:
        if wanted:
            sys.exit(ALONE.format(workers))
        workers = 1
    chosen = Settings(limits, storage, settings.redis, settings.file)
    if storage == "sqlite" and (why := asyncio.run(broken(chosen))):
        sys.exit(NO_FILE.format(settings.file, why))
    listener = listen(limits.host, flags.port)
    if sys.platform == "linux":  # what a killed worker leaves to a reader that never reads is ended, too
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limits.max_stall * 1000))
    where = {"redis": redis, "sqlite": settings.file, "memory": "this process"}[storage]
    alone = "" if wanted or storage == "redis" else f" (no Redis at {REDIS}, so it runs alone)"

    def tell() -> None:
        print(f"listening on {url_of(limits.host, listener)}", flush=True)
        print(f"storage {storage}: {where}; workers: {workers}{alone}", flush=True)

    run(create_app, chosen, workers, listener, tell)


def parser_of_flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A Streamable HTTP server whose workers may die.")
    add = parser.add_argument
    add("--port", type=port_number, default=8000, help="0 takes a free one (default: %(default)s)")
    add("--workers", type=positive_int, default=1, help="processes (default: %(default)s)")
    add("--storage", choices=["memory", "sqlite", "redis"], help="(default: Redis if one runs, else SQLite)")
    add("--redis", metavar="URL", help=f"(default: {REDIS})")
    add("--file", default=Settings.file, help="for SQLite (default: %(default)s)")
    add_flags(parser, Limits)
    return parser
