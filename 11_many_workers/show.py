"""Plays the lesson: finds or starts a Redis, two workers on it, and a client that kills some of them."""

import plumbing.ctrl_c

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from on_redis.own_server import Program, RedisServer, find
from plumbing.stage import Screen, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False))
PATIENCE = 180.0  # seconds for the client; only what hangs uses them up
# Where all are killed nobody works on before one is started again, and a busy machine takes its time. Some
# steps are left to come live.
QUICK = ["--retry", "500"]  # nobody likes to watch a client wait
UNTIL_STARTED_AGAIN = ["--away", "8", "--steps", "24", "--patience", "60"]


async def play(server_flags: list[str], client_flags: list[str]) -> int:
    async with STAGE.speaking("server", "server.py", "--port", "0", *server_flags) as server:
        url = await server.address()
        async with (
            asyncio.timeout(PATIENCE),
            STAGE.speaking("client", "client.py", "--url", url, *client_flags) as client,
        ):
            return await client.end()


async def start_again(redis: RedisServer) -> None:
    """What systemd or a container does for a Redis that has died."""
    while True:
        await asyncio.to_thread(redis.wait)
        STAGE.say("show", "Redis is dead; it is started again, with its append-only file")
        starting = asyncio.create_task(asyncio.to_thread(redis.again))
        try:
            await asyncio.shield(starting)
        finally:
            await starting  # one that is being started is one to be ended


async def play_on_redis(program: Program, kill: str, rest: list[str], folder: Path) -> int:
    redis = RedisServer(program, folder)
    STAGE.say("show", f"started {program.told}, on port {redis.port}")
    client_flags = ["--kill", kill, *(["--redis-pid", str(redis.pid)] if kill == "redis" else [])]
    if kill == "both":
        client_flags += UNTIL_STARTED_AGAIN
    watching = asyncio.create_task(start_again(redis))
    try:
        seen_to_move = ("--turn", "1")  # from worker to worker, each second
        server_flags = ["--workers", "2", "--redis", redis.url, *seen_to_move, *QUICK]
        return await play(server_flags, [*client_flags, *rest])
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        redis.kill()


async def play_on_sqlite(kill: str, rest: list[str], folder: Path) -> int:
    STAGE.say("show", "no Redis here, and none to be had: SQLite, and one worker that is started again.")
    STAGE.say(
        "show", "left out: another worker that takes over at once, and a Redis that dies (--kill redis)"
    )
    file = str(folder / "sessions.db")
    kill = "web" if kill == "redis" else kill
    client_flags = ["--kill", kill, *(UNTIL_STARTED_AGAIN if kill != "none" else [])]
    return await play(["--storage", "sqlite", "--file", file, *QUICK], [*client_flags, *rest])


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.", epilog="Other flags go to client.py.")
    kinds = ["web", "work", "both", "redis", "none"]
    parser.add_argument("--kill", choices=kinds, default="both", help="(default: %(default)s)")
    parser.add_argument("--without-redis", action="store_true", help="as on a machine that has none")
    flags, rest = parser.parse_known_args()
    try:
        program = None if flags.without_redis else find()
    except OSError as error:
        STAGE.say("show", f"broken: {error}")
        return 1
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        if program:
            return STAGE.perform(play_on_redis(program, flags.kill, rest, Path(name)))
        return STAGE.perform(play_on_sqlite(flags.kill, rest, Path(name)))


if __name__ == "__main__":
    sys.exit(main())

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "pydocket>=0.27,<0.28",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
