"""Plays the lesson: finds or starts a Redis, two workers on it, and a client that kills some of them."""

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncGenerator
from pathlib import Path

from rich.console import Console

from redis_server import Program, RedisServer, find

HERE = Path(__file__).parent
STYLES = {"server": "magenta", "client": "cyan", "show": "bold"}
PATIENCE = 120.0
# Where all are killed nobody works on before one is started again. Some steps are left to come live.
UNTIL_STARTED_AGAIN = ["--away", "8", "--steps", "24"]
console = Console(highlight=False, soft_wrap=True)


class BrokenError(Exception):
    """A run that did not end as it should."""


def show(whose: str, line: str) -> None:
    console.print(f"{whose:<8}", style=STYLES[whose], end="")
    console.print(line, markup=False)


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-u", *arguments, cwd=HERE, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )


async def pass_on(whose: str, process: Process, heard: "asyncio.Future[str] | None" = None) -> None:
    if process.stdout:
        async for line in process.stdout:
            said = line.decode(errors="replace").rstrip()
            show(whose, said)
            if heard and not heard.done() and (found := re.match(r"listening on (\S+)", said)):
                heard.set_result(found[1])
    if heard and not heard.done():
        heard.set_exception(BrokenError("the server did not start"))


@contextlib.asynccontextmanager
async def ending(process: Process) -> AsyncGenerator[None]:
    """It ends at the latest when it is left."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def play(server_flags: list[str], client_flags: list[str]) -> int:
    server = await start("server.py", "--port", "0", *server_flags)
    heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    hearing = asyncio.create_task(pass_on("server", server, heard))
    async with ending(server):
        client = await start("client.py", "--url", await heard, *client_flags)
        async with ending(client), asyncio.timeout(PATIENCE):
            await pass_on("client", client)
            code = await client.wait()
    await hearing
    return code


async def start_again(redis: RedisServer) -> None:
    """What systemd or a container does for a Redis that has died."""
    while True:
        await asyncio.to_thread(redis.wait)
        show("show", "Redis is dead; it is started again, with its append-only file")
        await asyncio.to_thread(redis.again)


async def play_on_redis(program: Program, kill: str, rest: list[str], folder: Path) -> int:
    redis = RedisServer(program, folder)
    show("show", f"started {program.told}, on port {redis.port}")
    client_flags = ["--kill", kill, *(["--redis-pid", str(redis.pid)] if kill == "redis" else [])]
    if kill == "both":
        client_flags += UNTIL_STARTED_AGAIN
    watching = asyncio.create_task(start_again(redis))
    try:
        seen_to_move = ("--turn", "1")  # from worker to worker, each second
        server_flags = ["--workers", "2", "--redis", redis.url, *seen_to_move]
        return await play(server_flags, [*client_flags, *rest])
    finally:
        watching.cancel()
        redis.kill()


async def play_on_sqlite(kill: str, rest: list[str], folder: Path) -> int:
    show("show", "no Redis here, and none to be had: SQLite, and one worker that is started again.")
    show("show", "left out: another worker that takes over at once, and a Redis that dies (--kill redis)")
    file = str(folder / "sessions.db")
    kill = "web" if kill == "redis" else kill
    client_flags = ["--kill", kill, *(UNTIL_STARTED_AGAIN if kill != "none" else [])]
    return await play(["--storage", "sqlite", "--file", file], [*client_flags, *rest])


def main() -> int:
    parser = argparse.ArgumentParser(description="Plays the lesson.", epilog="Other flags go to client.py.")
    kinds = ["web", "work", "both", "redis", "none"]
    parser.add_argument("--kill", choices=kinds, default="both", help="(default: %(default)s)")
    parser.add_argument("--without-redis", action="store_true", help="as on a machine that has none")
    flags, rest = parser.parse_known_args()
    try:
        program = None if flags.without_redis else find()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            if program:
                return asyncio.run(play_on_redis(program, flags.kill, rest, Path(name)))
            return asyncio.run(play_on_sqlite(flags.kill, rest, Path(name)))
    except TimeoutError:
        show("show", f"broken: the client has not ended within {PATIENCE:g} s")
        return 1
    except (BrokenError, OSError) as broken:
        show("show", f"broken: {broken}")
        return 1
    except KeyboardInterrupt:
        return 130


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
