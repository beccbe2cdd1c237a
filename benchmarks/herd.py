"""Many listeners on lesson 09's server: what it is when all are cut and all come back.

herd   listeners that are cut at once, are away until their builds have ended, and all come back
whole  all that a listener has missed has come, the result the last
wait   from a listener's own GET until it is whole
"""

import asyncio
import json
import random
import re
import socket
import struct
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import JsonValue

from servers import running
from window_stores import LESSON
from wire import PATIENCE, Session, request

STEPS = 20
AFTER = 6  # steps at which the herd is cut
SPREAD = 1.0  # seconds over which jitter spreads it
ID = re.compile(rb"^id: (\S+)\r?$", re.MULTILINE)
STEP = re.compile(rb'"step":(\d+)')
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Herd:
    """Seconds from the first GET to the last whole; the wait of most, and the longest; messages lost."""

    jitter: float
    last: float
    usual: float
    longest: float
    lost: int


def serving(lesson: Path, *flags: str) -> AbstractContextManager[tuple[int, int]]:
    """A lesson's server: its process and its port."""
    return running(lesson, "server.py", "--port", "0", "--max-sessions", "5000", *flags)


class Listener:
    """A session, and the stream that its client reads now."""

    def __init__(self, port: int) -> None:
        self.session = Session(port)
        self.body = b""

    async def send(self, method: str, headers: dict[str, str], message: JsonValue = None) -> None:
        body = json.dumps(message).encode() if message else b""
        told = self.session.headers | headers | {"Host": "127.0.0.1", "Content-Length": str(len(body))}
        lines = [f"{method} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.session.port)
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)

    async def call(self, tool: str, arguments: JsonValue) -> None:
        params: JsonValue = {"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}}
        await self.send("POST", {}, request("tools/call", params))

    async def read_until(self, marker: bytes) -> None:
        seen = 0
        while self.body.find(marker, max(0, seen - len(marker))) < 0:
            seen = len(self.body)
            chunk = await asyncio.wait_for(self.reader.read(65536), PATIENCE)
            if not chunk:
                raise ConnectionError(f"the stream ended: {self.body[-300:]!r}")
            self.body += chunk

    def cut(self) -> None:
        own: socket.socket = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.writer.transport.abort()

    async def come_back(self, after: float) -> float:
        """Resume, and give the seconds that it took to be whole."""
        await asyncio.sleep(after)
        began = time.perf_counter()
        await self.send("GET", {"Last-Event-ID": ID.findall(self.body)[-1].decode()})
        await self.read_until(b'"result"')
        self.cut()
        return time.perf_counter() - began

    @property
    def lost(self) -> int:
        """Messages that an uncut run would have brought; one that came twice counts, too."""
        return abs(self.body.count(b'"progress":') - STEPS) + abs(len(set(STEP.findall(self.body))) - STEPS)


async def stampede(port: int, listeners: int, jitter: float) -> Herd:
    herd = [Listener(port) for _ in range(listeners)]
    building = 0.5 + listeners / 150  # seconds: all have begun before the first has ended
    for listener in herd:
        await listener.call("build_project", {"steps": STEPS, "seconds": building})
    await asyncio.gather(*(listener.read_until(b'"progress":%d,' % AFTER) for listener in herd))
    for listener in herd:
        listener.cut()
    await asyncio.sleep(building)  # all builds have ended meanwhile, and nobody was there
    began = time.perf_counter()
    dice = random.Random(9)  # noqa: S311 (the same each time)
    waits = await asyncio.gather(*(listener.come_back(dice.random() * jitter) for listener in herd))
    last = time.perf_counter() - began
    for listener in herd:
        listener.session.end()
    return Herd(jitter, last, median(waits), max(waits), sum(listener.lost for listener in herd))


def stampedes(listeners: int) -> list[Herd]:
    """Without jitter, and with it."""
    with serving(LESSON) as (_, port):
        asyncio.run(stampede(port, max(1, listeners // 10), 0.0))  # for warmth
        return [asyncio.run(stampede(port, listeners, jitter)) for jitter in (0.0, SPREAD)]
