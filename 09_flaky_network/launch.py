"""How the server starts and stops: its flags, its port, and Ctrl-C."""

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

import uvicorn
from starlette.types import ASGIApp

from sessions import Limits


def launch(create_app: Callable[[Limits, str], ASGIApp]) -> None:
    parser = argparse.ArgumentParser(description="A Streamable HTTP server whose streams can be resumed.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)")
    meanings = get_type_hints(Limits, include_extras=True)
    for limit in fields(Limits):
        parser.add_argument(
            f"--{limit.name.replace('_', '-')}",
            type=positive_int if isinstance(limit.default, int) else positive_float,
            default=limit.default,
            metavar="N",
            help=f"{meanings[limit.name].__metadata__[0]} (default: %(default)s)",
        )
    flags = vars(parser.parse_args())
    host, port = flags.pop("host"), flags.pop("port")
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        # asyncio does so for its own sockets: without it an event may wait 40 ms for the last one's receipt.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {host}, port {port} ({error}): choose another with --port or --host.")
    name = f"[{host}]" if ":" in host else host
    print(f"listening on http://{name}:{listener.getsockname()[1]}/mcp", flush=True)
    config = uvicorn.Config(create_app(Limits(**flags), host), log_level="warning")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


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
