"""How the liar starts and stops: its port, and Ctrl-C."""

import contextlib
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Ends the streams on Ctrl-C: uvicorn waits for every response, and a standing stream does not end."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self.end_streams = end_streams

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.end_streams()


def launch(app: ASGIApp, host: str, port: int, end_streams: Callable[[], None]) -> None:
    try:
        listener = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {host}, port {port} ({error}): choose another with --port.")
    print(f"listening on http://{host}:{listener.getsockname()[1]}/mcp", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        Server(uvicorn.Config(app, log_level="warning"), end_streams).run(sockets=[listener])
