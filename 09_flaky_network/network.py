"""The network between client and server, which one can cut: with keys, by a script, or on a page.

Keys in the terminal and a switch on the page:  uv run network.py --listen 9000 --to 8000
Unattended, in seconds since the first connection:  uv run network.py --script "2 cut, 5 restore"
"""

from plumbing.ctrl_c import in_order

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncGenerator

import uvicorn
from starlette.applications import Starlette

from plumbing.cable import Action, Cable
from plumbing.keys import pressed
from plumbing.launch import before_exit, configured, listen, port_number, positive_int
from plumbing.page import page
from plumbing.say import say

MAX_STALL = 10.0  # seconds that a page may leave its pictures unread
KEYS = {"c": Action.CUT, "r": Action.RESTORE, "s": Action.SLOW, "t": Action.STALL, "h": Action.HALF}
Script = list[tuple[float, Action]]


async def act(cable: Cable, script: Script) -> None:
    """Do what the script says, in seconds since the first connection."""
    await cable.first_connection.wait()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for after, action in script:
        await asyncio.sleep(began + after - loop.time())
        cable.do(action)


def network(cable: Cable, listener: socket.socket, script: Script) -> Starlette:
    """The page, and for as long as it is served, the cable."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        def press(key: str) -> None:
            if key in KEYS:
                cable.do(KEYS[key])
            elif key == "q":
                signal.raise_signal(signal.SIGINT)

        async with asyncio.TaskGroup() as tasks:
            proxy = await asyncio.start_server(cable.connect, sock=listener)
            acting = tasks.create_task(act(cable, script))
            with pressed(press), before_exit(cable.remove):
                yield
            acting.cancel()
            cable.remove()
            proxy.close()

    return page(cable, lifespan)


def parse_script(text: str) -> Script:
    script: Script = []
    for part in filter(None, map(str.strip, text.split(","))):
        after, _, word = part.partition(" ")
        try:
            script.append((float(after), Action(word.strip())))
        except ValueError:
            words = ", ".join(Action)
            raise argparse.ArgumentTypeError(
                f"{part!r} is not seconds and one of {words}, such as '2 cut'"
            ) from None
    if script != sorted(script, key=lambda step: step[0]) or any(not 0 <= after < 1e6 for after, _ in script):
        raise argparse.ArgumentTypeError("seconds count from the first connection, and rise")
    return script


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A network between client and server, which one can cut.")
    add = parser.add_argument
    add(
        "--listen",
        type=port_number,
        default=9000,
        help="port for the client, 0 takes a free one (default: 9000)",
    )
    add("--to", type=port_number, default=8000, help="port of the server here (default: 8000)")
    add("--page", type=port_number, default=9001, help="port of the page, 0: a free one (default: 9001)")
    add("--script", type=parse_script, default=[], help="such as '2 cut, 5 restore'; also slow, stall, half")
    add("--speed", type=positive_int, default=200, help="bytes a second when it is slow (default: 200)")
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    listener = listen("127.0.0.1", flags.listen, "--listen")
    for_page = listen("127.0.0.1", flags.page, "--page")
    say(
        "open",
        f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp (to port {flags.to})",
    )
    say("page", f"http://127.0.0.1:{for_page.getsockname()[1]}/")
    if sys.stdin and sys.stdin.isatty():
        say("keys", "c cut   r restore   s slow   t stall   h drop half of the next event   q quit")
    app = network(Cable(flags.to, flags.speed), listener, flags.script)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(configured(app, MAX_STALL)).run(sockets=[for_page])


if __name__ == "__main__":
    in_order()
    main()

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
