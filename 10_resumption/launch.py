"""How the server starts: its limits, each of them a flag, and its port."""

import argparse
import contextlib
import logging
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, get_type_hints

import uvicorn
from starlette.types import ASGIApp

SHOWN = logging.getLogger("server")


@dataclass(frozen=True)
class Settings:
    all_streams: Annotated[
        bool, "replay what any stream of the session has missed: the specification forbids it"
    ] = False
    delay: Annotated[float, "seconds that a forecast takes"] = 6.0
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    max_events: Annotated[int, "events kept for each session"] = 1000
    max_age: Annotated[float, "seconds for which an event is kept"] = 3600.0
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_calls: Annotated[int, "forecasts at work at the same time"] = 100
    max_body: Annotated[int, "bytes in the body of a request"] = 100_000
    max_idle: Annotated[float, "seconds until a session ends that nothing uses"] = 1800.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 10.0


def launch(create_app: Callable[[Settings], ASGIApp]) -> None:
    parser = argparse.ArgumentParser(
        description="A server whose answers outlive the client that asked for them."
    )
    parser.add_argument("--port", type=port, default=8000, help="0 takes a free one (default: %(default)s)")
    meanings = get_type_hints(Settings, include_extras=True)
    for setting in fields(Settings):
        flag, meaning = f"--{setting.name.replace('_', '-')}", meanings[setting.name].__metadata__[0]
        if isinstance(setting.default, bool):
            parser.add_argument(flag, action="store_true", help=meaning)
            continue
        kind = positive_int if isinstance(setting.default, int) else positive_float
        help_text = f"{meaning} (default: %(default)s)"
        parser.add_argument(flag, type=kind, default=setting.default, metavar="N", help=help_text)
    parser.add_argument("--strict", action="store_true", help="replay one stream only: the default")
    flags = vars(parser.parse_args())
    if flags.pop("strict") and flags["all_streams"]:
        parser.error("--strict and --all-streams contradict each other")
    number = flags.pop("port")
    settings = Settings(**flags)
    try:
        listener = socket.create_server(("127.0.0.1", number))
    except OSError as error:
        sys.exit(f"Cannot listen on port {number} ({error.strerror}): choose another with --port.")
    listener.setsockopt(
        socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    )  # an event is small, and waits for no other
    print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(uvicorn.Config(create_app(settings), log_level="warning")).run(sockets=[listener])


def show_log() -> None:
    """What a workshop wants to watch, one plain line each; the SDK speaks only of what is wrong."""
    if not SHOWN.handlers:
        SHOWN.addHandler(logging.StreamHandler(sys.stdout))
    SHOWN.setLevel(logging.INFO)
    SHOWN.propagate = False


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
