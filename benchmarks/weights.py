"""What sessions, streams and events weigh in the servers of lessons 08 and 09 (Linux tells)."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from herd import Listener, serving
from window_stores import EIGHTH, LESSON, LESSON_08, THIS
from wire import PATIENCE


@dataclass(frozen=True)
class Server:
    """A lesson's server, and a call whose events come as quickly as it can send them."""

    lesson: Path
    flags: tuple[str, ...]
    tool: str
    most: int  # events of one call

    def arguments(self, events: int) -> JsonValue:
        if self.lesson == LESSON_08:
            return {"count": events, "interval": 0, "caller": "benchmarks"}
        return {"steps": events // 2, "seconds": 0}  # a line of the log and the progress, each step


SERVERS = {
    EIGHTH: Server(LESSON_08, ("--log-level", "ERROR"), "start-notification-stream", 10_000),
    THIS: Server(LESSON, ("--ping", "600"), "build_project", 200_000),
}


def memory(process: int) -> int:
    """Bytes that a process has in memory."""
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def weights(server: Server, sessions: int) -> tuple[float, float]:
    """Bytes for an idle session, and for an open stream besides."""

    async def weigh(process: int, port: int) -> tuple[float, float]:
        warm = [Listener(port) for _ in range(100)]
        for listener in warm:
            await listener.send("GET", {})
            await listener.read_until(b"retry")
        before = memory(process)
        opened = [Listener(port) for _ in range(sessions)]
        idle = memory(process)
        for listener in opened:
            await listener.send("GET", {})
            await listener.read_until(b"retry")
        return (idle - before) / sessions, (memory(process) - idle) / sessions

    with serving(server.lesson, *server.flags) as (process, port):
        return asyncio.run(weigh(process, port))


def flatness(server: Server, events: int, parts: int) -> list[int]:
    """Bytes after each part of so many events, which a client reads as they come."""

    async def run(process: int, port: int) -> list[int]:
        listener, told = Listener(port), list[int]()
        for _ in range(parts):
            left = events // parts
            while left > 0:
                await read_a_call(listener, min(left, server.most))
                left -= server.most
            told.append(memory(process))
        return told

    async def read_a_call(listener: Listener, count: int) -> None:
        listener.body = b""
        await listener.call(server.tool, server.arguments(count))
        while b'"result"' not in listener.body:
            some = await asyncio.wait_for(listener.reader.read(1 << 20), PATIENCE)
            if not some:
                raise ConnectionError(f"the stream ended: {listener.body[-300:]!r}")
            listener.body = listener.body[-2048:] + some
        listener.cut()

    with serving(server.lesson, *server.flags) as (process, port):
        return asyncio.run(run(process, port))
