"""How the server starts and stops: its settings, each of them a flag, its port, and Ctrl-C."""

import argparse
import asyncio
import contextlib
import logging
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, fields
from types import FrameType
from typing import Annotated, get_type_hints

import uvicorn
from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    log_level: str = "INFO"
    json_response: Annotated[bool, "answer each POST with one JSON body: see what one then loses"] = False
    allow_origin: Annotated[tuple[str, ...], "an Origin whose pages may come, too; may be repeated"] = ()
    allow_host: Annotated[tuple[str, ...], "a Host by which one may come, too; may be repeated"] = ()
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 500
    max_events: Annotated[int, "events kept for each session"] = 5000
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_calls: Annotated[int, "calls at work at the same time"] = 100
    max_body: Annotated[int, "bytes in the body of a request"] = 100_000
    max_idle: Annotated[float, "seconds until a session ends that has no open request"] = 1800.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 2.0

    @property
    def hosts(self) -> list[str]:
        names = (*LOOPBACK, f"[{self.host}]" if ":" in self.host else self.host, *self.allow_host)
        return [form for name in names for form in (name, f"{name}:*")]

    @property
    def origins(self) -> list[str]:
        return [*(f"http://{form}" for name in LOOPBACK for form in (name, f"{name}:*")), *self.allow_origin]

    @property
    def origin_regex(self) -> str:
        own = "|".join(re.escape(name) for name in LOOPBACK)
        return "|".join([f"http://({own})(:[0-9]+)?", *(re.escape(origin) for origin in self.allow_origin)])


def launch(create_app: Callable[[Settings], ASGIApp]) -> None:
    parser = argparse.ArgumentParser(description="Notifications on two kinds of stream, which outlive a cut.")
    add = parser.add_argument
    add("--port", type=port, default=3000, help="0 takes a free one (default: %(default)s)")
    add("--host", default=Settings.host, help="where to listen (default: %(default)s)")
    add("--log-level", type=str.upper, choices=LEVELS, default="INFO", help="(default: %(default)s)")
    hints = get_type_hints(Settings, include_extras=True)
    for setting in fields(Settings)[2:]:
        flag, meaning = f"--{setting.name.replace('_', '-')}", hints[setting.name].__metadata__[0]
        if isinstance(setting.default, bool):
            add(flag, action="store_true", help=meaning)
        elif isinstance(setting.default, tuple):
            add(flag, action="append", default=[], help=meaning)
        else:
            kind = positive_int if isinstance(setting.default, int) else positive_float
            help_text = f"{meaning} (default: %(default)s)"
            add(flag, type=kind, default=setting.default, metavar="N", help=help_text)
    flags = vars(parser.parse_args())
    number = flags.pop("port")
    for name in ("allow_origin", "allow_host"):
        flags[name] = tuple(flags[name])
    settings = Settings(**flags)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, number), family=family)
    except OSError as error:
        why = f"Cannot listen on {settings.host}, port {number} ({error.strerror or error})"
        sys.exit(f"{why}: choose another with --port or --host.")
    # An event is small, and waits for no other.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"listening on http://{name}:{listener.getsockname()[1]}/mcp", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning")).run(sockets=[listener])


def show_log(level: str) -> None:
    """The lesson's own lines. What the SDK says below a warning is for DEBUG: it names sessions in full."""
    own = logging.getLogger("server")
    if not own.handlers:
        own.addHandler(logging.StreamHandler(sys.stdout))
    own.setLevel(level)
    own.propagate = False
    logging.basicConfig(level="DEBUG" if level == "DEBUG" else "ERROR", format="%(name)s: %(message)s")


def port(text: str) -> int:
    if not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def positive_int(text: str) -> int:
    return int(positive_float(text) and text)


def positive_float(text: str) -> float:
    if not 0 < float(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return float(text)


@contextlib.contextmanager
def before_exit(stop: Callable[[], None]) -> Generator[None]:
    """On Ctrl-C uvicorn waits for every response to end, and a standing stream does not end by itself."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only, and whoever runs this server there
        return
    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def first_stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in handlers:
        signal.signal(number, first_stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
