"""A client of lesson 11, as cheap as can be: a session, a build, and a stream that resumes by itself."""

import asyncio
import contextlib
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field

STEP = rb'"number":(\d+),"of":(\d+),"step":"\w+","by":"\d+\.(\d+)"'
EVENT = re.compile(rb"id: ([0-9a-f]{18}-\d+)\ndata: [^\n]*?(?:" + STEP + rb'|"result":[^\n]*?built in (\d+))')
PRIMED = re.compile(rb"id: ([0-9a-f]{18}-0)\ndata:\n\n")
RETRY = 0.2
QUIET = 60.0  # seconds after which a session that brings nothing more hangs
SILENT = 4.0  # seconds without a ping after which a connection is given up
LONG = 0.5  # seconds: a pause that is remembered
INITIALIZE = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
HEADERS = "mcp-protocol-version: 2025-11-25\r\naccept: application/json, text/event-stream\r\n"
BROKEN = (OSError, asyncio.IncompleteReadError)


@dataclass
class Tally:
    sessions: int
    due: int  # messages
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    moved: int = 0
    hung: int = 0
    foreign: int = 0
    afresh: int = 0  # sessions that were told that they cannot go on, and began again
    begun_again: int = 0  # calls that had no answer, and were sent again with the same id
    resumes: list[float] = field(default_factory=list[float])  # seconds from a loss to the next connection
    gaps: list[float] = field(default_factory=list[float])  # the longest silence of each session, in seconds
    pauses: list[tuple[float, float]] = field(
        default_factory=list[tuple[float, float]]
    )  # of builds: from, to
    refused: Counter[str] = field(default_factory=Counter[str])
    work: dict[str, float] = field(default_factory=dict[str, float])  # seconds of a core, by who did it


class Stream(asyncio.Protocol):
    """One connection of a listener."""

    def __init__(self, listener: "Listener", request: bytes) -> None:
        self.listener, self._request = listener, request
        self.head, self._kept = b"", b""
        self.heard = time.monotonic()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
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
    """Follows one build, of a length of its own, so that another session's message is seen for what it is."""

    def __init__(self, port: int, rate: float, steps: int, tally: Tally) -> None:
        self.port, self.rate, self.steps, self.tally = port, rate, steps, tally
        self.headers = self.cursor = ""
        self.numbers: list[int] = []
        self.answered, self.refused = False, ""
        self.foreign = 0
        self.last, self.longest, self.lost_at, self.done_at = 0.0, 0.0, 0.0, 0.0

    def head(self, method: str, body: str = "", more: str = "") -> bytes:
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
        headers = HEADERS + self.headers + more + kind
        return f"{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}\r\n{body}".encode()

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

    async def open(self) -> None:
        self.headers, self.cursor, self.numbers = "", "", []
        found = re.search(rb"mcp-session-id: (\w+)", await self.ask(INITIALIZE))
        if not found:
            raise RuntimeError("no session")
        self.headers = f"mcp-session-id: {found[1].decode()}\r\n"

    async def close(self) -> None:
        with contextlib.suppress(*BROKEN):
            await self.request("DELETE")

    async def run(self) -> None:
        await self.open()
        await asyncio.sleep(random.random() / self.rate)  # noqa: S311 (not all at once)
        await self.listen()
        await self.close()

    def call(self, request_id: int = 2) -> str:
        arguments = f'{{"steps":{self.steps},"interval":{1 / self.rate}}}'
        params = f'{{"name":"build_project","arguments":{arguments}}}'
        return f'{{"jsonrpc":"2.0","id":{request_id},"method":"tools/call","params":{params}}}'

    async def listen(self) -> None:
        """The call's stream, until it has brought the answer; without a cursor the call is sent again."""
        loop = asyncio.get_running_loop()
        self.last = time.monotonic()
        while not self.answered and time.monotonic() - self.last < QUIET:
            if self.refused:
                await self.begin_afresh()
            if self.cursor:
                request = self.head("GET", more=f"last-event-id: {self.cursor}\r\n")
            else:
                self.tally.begun_again += bool(self.lost_at)
                request = self.head("POST", self.call())
            with contextlib.suppress(OSError):
                transport, stream = await loop.create_connection(
                    lambda request=request: Stream(self, request), "127.0.0.1", self.port
                )
                while not stream.over.done() and time.monotonic() - stream.heard < SILENT:
                    await asyncio.wait([stream.over], timeout=SILENT / 4)
                transport.abort()
            self.lost_at = self.lost_at or time.monotonic()
            if not self.answered:
                await asyncio.sleep(RETRY)
        self.tally.gaps.append(self.longest)

    async def begin_afresh(self) -> None:
        """It was told so (law 7): the call's stream from its beginning on, in a new session if need be."""
        self.tally.afresh += 1
        gone, self.refused = self.refused == "404", ""
        if gone:
            await self.open()
        self.cursor, self.numbers, self.done_at = "", [], 0.0

    def opened(self, head: bytes, told: bytes) -> None:
        status = head[9:12].decode()
        if status != "200":
            self.tally.refused[f"{status} {told[:90].decode()}"] += 1
            self.refused = status if status in ("400", "404", "410") else ""
        elif self.lost_at:
            self.tally.resumes.append(time.monotonic() - self.lost_at)
            self.lost_at = 0.0

    def read(self, whole: bytes) -> bool:
        """What has come; whether it was the last."""
        now = time.monotonic()
        for event_id, number, of, at, built in EVENT.findall(whole):
            self.cursor = event_id.decode()
            self.foreign += int(of or built) != self.steps
            self.answered = self.answered or bool(built)
            if number and number != b"0":  # 0: it has begun
                self.numbers.append(int(number))
            if at:
                done_at = int(at) / 1000
                if self.done_at and done_at - self.done_at > LONG:
                    self.tally.pauses.append((self.done_at, done_at))
                self.done_at = done_at
            self.last, self.longest = now, max(self.longest, now - self.last)
        if not self.cursor and (primed := PRIMED.search(whole)):
            self.cursor = primed[1].decode()
        return self.answered

    def count(self) -> None:
        tally, seen = self.tally, Counter(self.numbers)
        tally.delivered += len(self.numbers)
        tally.foreign += self.foreign
        tally.hung += not self.answered
        tally.lost += self.steps - len(seen)
        tally.doubled += sum(seen.values()) - len(seen)
        tally.moved += self.numbers != sorted(self.numbers)
