"""How a server starts and stops: its flags, its port, and Ctrl-C."""

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
from typing import Literal, TypeVar, get_args, get_origin, get_type_hints

import uvicorn
from starlette.types import ASGIApp

from plumbing.connection import connection
from plumbing.door import Front

Settings = TypeVar("Settings", bound=Front)
SHUTDOWN = 3  # seconds, at most


def launch(
    settings: type[Settings], create_app: Callable[[Settings], ASGIApp], about: str, port: int = 8000
) -> None:
    """Listen where the flags say, and serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--port", type=port_number, default=port, help="0 takes a free one (default: %(default)s)"
    )
    add_flags(parser, settings)
    flags = parser.parse_args()
    chosen = read_flags(parser, flags, settings)
    listener = listen(chosen.host, flags.port)
    print(f"listening on {url_of(chosen.host, listener)}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configured(create_app(chosen), chosen.max_stall)).run(sockets=[listener])


def add_flags(parser: argparse.ArgumentParser, settings: type[Front]) -> None:
    """A flag for each setting; its type and its meaning stand where the setting does."""
    hints = get_type_hints(settings, include_extras=True)
    for setting in fields(settings):
        flag, hint, default = f"--{setting.name.replace('_', '-')}", hints[setting.name], setting.default
        kind, meaning = get_args(hint)
        told = f"{meaning} (default: %(default)s)"
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true", help=meaning)
        elif isinstance(default, tuple):
            parser.add_argument(flag, action="append", default=[], metavar="NAME", help=meaning)
        elif get_origin(kind) is Literal:
            parser.add_argument(flag, type=str.lower, choices=get_args(kind), default=default, help=told)
        elif isinstance(default, str):
            parser.add_argument(flag, default=default, help=told)
        else:
            number = positive_int if isinstance(default, int) else positive_float
            parser.add_argument(flag, type=number, default=default, metavar="N", help=told)


def read_flags(
    parser: argparse.ArgumentParser, flags: argparse.Namespace, settings: type[Settings]
) -> Settings:
    values = {setting.name: getattr(flags, setting.name) for setting in fields(settings)}
    for setting in fields(settings):
        if isinstance(setting.default, tuple):
            values[setting.name] = tuple(values[setting.name])
    try:
        return settings(**values)
    except ValueError as wrong:  # two that contradict each other
        parser.error(str(wrong))


def listen(host: str, port: int, flag: str = "--port or --host") -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        sys.exit(f"Cannot listen on {host}, port {port} ({error}): choose another with {flag}.")
    # asyncio does so for its own sockets: without it an event may wait 40 ms for the last one's receipt.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}/mcp"


def configured(app: ASGIApp, max_stall: float, log_level: str = "warning") -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=connection(max_stall),
        ws="none",
        log_level=log_level,
        timeout_graceful_shutdown=SHUTDOWN,
    )


def port_number(text: str) -> int:
    if not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def positive_int(text: str) -> int:
    if int(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


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
