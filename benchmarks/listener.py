"""A client of lesson 11, as cheap as can be: a session, a build, and a stream that resumes by itself."""

import asyncio
import contextlib
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field

EVENT = re.compile(rb'id: ([0-9a-f]{18}-\d+)\ndata: [^\n]*?(?:"number":(\d+)|"result":)')
PRIMED = re.compile(rb"id: ([0-9a-f]{18}-0)\ndata:\n\n")
RETRY = 0.2
QUIET = 60.0  # seconds after which a session that brings nothing more has lost what it waits for
INITIALIZE = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
BROKEN = (OSError, asyncio.IncompleteReadError)


@dataclass
class Tally:
    sessions: int
    steps: int
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    moved: int = 0
    begun_again: int = 0  # calls that had no answer, and were sent again with the same id
    resumes: list[float] = field(default_factory=list[float])  # seconds from a loss to the next connection
    gaps: list[float] = field(default_factory=list[float])  # the longest silence of each session, in seconds
    kills: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    work: dict[str, float] = field(default_factory=dict[str, float])  # seconds of a core, by who did it


class Stream(asyncio.Protocol):
    """One connection of a listener."""

    def __init__(self, listener: "Listener", request: bytes) -> None:
        self.listener, self._request = listener, request
        self.head, self._kept = b"", b""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._kept += data
        if not self.head:
            self.head, found, self._kept = self._kept.partition(b"\r\n\r\n")
            if not found:
                self.head, self._kept = b"", self.head
                return
            self.listener.opened(self.head, self._kept)
        whole = self._kept.rfind(b"\n\n") + 2
        if whole > 1 and self.listener.read(self._kept[:whole]):
            self.connection_lost(None)
        self._kept = self._kept[max(whole, 0) if whole > 1 else 0 :]

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Listener:
    def __init__(self, port: int, rate: float, tally: Tally) -> None:
        self.port, self.rate, self.tally = port, rate, tally
        self.headers = "mcp-protocol-version: 2025-11-25\r\naccept: application/json, text/event-stream\r\n"
        self.cursor = ""
        self.numbers: list[int] = []
        self.answered = self.refused = False
        self.last, self.longest, self.lost_at = 0.0, 0.0, 0.0

    def head(self, method: str, body: str = "", more: str = "") -> bytes:
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
        return f"{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{self.headers}{more}{kind}\r\n{body}".encode()

    async def request(self, method: str, body: str = "") -> tuple[bytes, bytes]:
        """A connection for one request; the head and the body of its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.head(method, body))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            return head, await reader.readexactly(int(length[1]) if length else 0)
        finally:
            writer.close()

    async def ask(self, body: str) -> bytes:
        """Post until it is answered with 200."""
        while True:
            with contextlib.suppress(*BROKEN):
                head, told = await self.request("POST", body)
                if b" 200 " in head[:20]:
                    return head
                self.tally.refused[f"POST {head[9:12].decode()} {told[:90].decode()}"] += 1
            await asyncio.sleep(RETRY)

    async def run(self) -> None:
        found = re.search(rb"mcp-session-id: (\w+)", await self.ask(INITIALIZE))
        if not found:
            raise RuntimeError("no session")
        self.headers += f"mcp-session-id: {found[1].decode()}\r\n"
        arguments = f'{{"steps":{self.tally.steps},"interval":{1 / self.rate}}}'
        params = f'{{"name":"build_project","arguments":{arguments}}}'
        call = f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{params}}}'
        await asyncio.sleep(random.random() / self.rate)  # noqa: S311 (not all at once)
        await self.listen(call)
        with contextlib.suppress(*BROKEN):
            await self.request("DELETE")

    async def listen(self, call: str) -> None:
        """The call's stream, until it has brought the answer; without a cursor the call is sent again."""
        loop = asyncio.get_running_loop()
        self.last = time.monotonic()
        while not self.answered and not self.refused:
            if self.cursor:
                request = self.head("GET", more=f"last-event-id: {self.cursor}\r\n")
            else:
                self.tally.begun_again += bool(self.lost_at)
                request = self.head("POST", call)
            with contextlib.suppress(OSError):
                transport, stream = await loop.create_connection(
                    lambda request=request: Stream(self, request), "127.0.0.1", self.port
                )
                while not stream.over.done() and time.monotonic() - self.last < QUIET:
                    await asyncio.wait([stream.over], timeout=QUIET / 4)
                transport.abort()
            if time.monotonic() - self.last >= QUIET:
                return
            self.lost_at = self.lost_at or time.monotonic()
            if not self.answered:
                await asyncio.sleep(RETRY)
        self.tally.gaps.append(self.longest)

    def opened(self, head: bytes, told: bytes) -> None:
        if b" 200 " not in head[:20]:
            self.tally.refused[f"{head[9:12].decode()} {told[:90].decode()}"] += 1
            self.refused = head[9:10] == b"4" and head[9:12] != b"429"
        elif self.lost_at:
            self.tally.resumes.append(time.monotonic() - self.lost_at)
            self.lost_at = 0.0

    def read(self, whole: bytes) -> bool:
        """What has come; whether it was the last."""
        now = time.monotonic()
        for event_id, number in EVENT.findall(whole):
            self.cursor = event_id.decode()
            if number == b"0":
                continue  # it has begun
            if number:
                self.numbers.append(int(number))
                self.last, self.longest = now, max(self.longest, now - self.last)
            else:
                self.answered = True
        if not self.cursor and (primed := PRIMED.search(whole)):
            self.cursor = primed[1].decode()
        return self.answered

    def count(self) -> None:
        tally, seen = self.tally, Counter(self.numbers)
        tally.delivered += len(self.numbers)
        tally.lost += tally.steps - len(seen) + (not self.answered)
        tally.doubled += sum(seen.values()) - len(seen)
        tally.moved += self.numbers != sorted(self.numbers)
