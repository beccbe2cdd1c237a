"""How the server starts and stops: its flags, its port, its workers, and Ctrl-C."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import fields
from types import FrameType
from typing import get_type_hints

from starlette.types import ASGIApp

from limits import REDIS, Limits, Settings
from storage import answers, broken, choose, without_password
from workers import run

NO_REDIS = (
    "There is no Redis at {}. Three ways to get one: a package (apt install redis-server, "
    "brew install redis), a container (docker run -p 6379:6379 redis), or `uv run workshop 11`, "
    "which finds or starts its own."
)
NO_FILE = "Sessions cannot be kept in {} ({}): choose another file with --file."
NO_URL = "{} is no address of a Redis: write it as redis://127.0.0.1:6379/0."
ALONE = "SQLite and memory are for one process: start a Redis for --workers {}, or leave it out."


def launch(create_app: Callable[[Settings], ASGIApp]) -> None:
    flags = parse_flags()
    limits = Limits(**{limit.name: getattr(flags, limit.name) for limit in fields(Limits)})
    names = Settings.names | {flags.host} | set(flags.name)
    wanted = "redis" if flags.redis and not flags.storage else flags.storage
    settings = Settings(limits, wanted, flags.redis or REDIS, flags.file, names)
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
    chosen = Settings(limits, storage, settings.redis, settings.file, names)
    if storage == "sqlite" and (why := asyncio.run(broken(chosen))):
        sys.exit(NO_FILE.format(settings.file, why))
    try:
        family = socket.AF_INET6 if ":" in flags.host else socket.AF_INET
        listener = socket.create_server((flags.host, flags.port), family=family)
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {flags.host}, port {flags.port} ({error}): choose another with --port.")
    name = f"[{flags.host}]" if ":" in flags.host else flags.host
    where = {"redis": redis, "sqlite": settings.file, "memory": "this process"}[storage]
    alone = "" if wanted or storage == "redis" else f" (no Redis at {REDIS}, so it runs alone)"

    def tell() -> None:
        print(f"listening on http://{name}:{listener.getsockname()[1]}/mcp", flush=True)
        print(f"storage {storage}: {where}; workers: {workers}{alone}", flush=True)

    run(create_app, chosen, workers, listener, tell)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Streamable HTTP server whose workers may die.")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    add("--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)")
    add("--name", action="append", default=[], help="one more Host that it answers to, behind a proxy")
    add("--workers", type=positive_int, default=1, help="processes (default: %(default)s)")
    add("--storage", choices=["memory", "sqlite", "redis"], help="(default: Redis if one runs, else SQLite)")
    add("--redis", metavar="URL", help=f"(default: {REDIS})")
    add("--file", default=Settings.file, help="for SQLite (default: %(default)s)")
    meanings = get_type_hints(Limits, include_extras=True)
    for limit in fields(Limits):
        add(
            f"--{limit.name.replace('_', '-')}",
            type=positive_int if isinstance(limit.default, int) else positive_float,
            default=limit.default,
            metavar="N",
            help=f"{meanings[limit.name].__metadata__[0]} (default: %(default)s)",
        )
    return parser.parse_args()


def positive_int(text: str) -> int:
    return int(positive_float(text) and text)


def positive_float(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


@contextlib.contextmanager
def before_exit(end_streams: Callable[[], None]) -> Generator[None]:
    """On Ctrl-C uvicorn waits for every response to end, and a standing stream does not end by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only, and whoever runs this server there
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first_end_streams(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end_streams)
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in handlers:
        signal.signal(number, first_end_streams)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
