"""The wire: a small TCP proxy that passes everything on, and cuts where it is told to.

cut      where a connection is lost, and how: after so many events, and so many bytes into the next one
fin      both sides are told in good order, as when a process ends
rst      both sides are told rudely, and what is under way is gone, as when a process is killed
silence  nobody is told: the server's side stays open and dead, and the client has given up on it
head     what comes before the body of an HTTP message
"""

import asyncio
import contextlib
import re
import socket
import ssl
import struct
import sys
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r")  # what ends an event, and a head
LINE_END, CHUNK_SIZE = re.compile(rb"[\r\n]+"), re.compile(rb"[0-9a-fA-F]+")
KEPT = 1200  # bytes of evidence from each end of a connection
CHUNK = 65536
RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class How(StrEnum):
    FIN = "fin"
    RST = "rst"
    SILENCE = "silence"


@dataclass(frozen=True)
class Cut:
    events: int
    more_bytes: int = 0
    how: How = How.FIN

    def __str__(self) -> str:
        inside = f" and {self.more_bytes} bytes" if self.more_bytes else ""
        return f"{self.how} after {self.events} event{'s' * (self.events != 1)}{inside}"


class Gauge:
    """How much of what comes may still pass."""

    def __init__(self, cut: Cut) -> None:
        self._events = cut.events + 1  # the head ends with a blank line, too
        self._more_bytes = cut.more_bytes
        self._tail = b""  # of a block that has not ended yet; its blank line may come in two pieces

    def room(self, chunk: bytes) -> int | None:
        """How many bytes of the chunk pass before the cut, or None: it passes whole."""
        start = 0
        if self._events:
            seen = self._tail + chunk
            end = 0
            for blank in BLANK_LINE.finditer(seen):
                self._events -= not is_comment(seen[end : blank.start()])
                end = blank.end()
                if not self._events:
                    break
            if self._events:
                self._tail = seen[end:] if len(seen) - end < KEPT else b"long" + seen[-3:]
                return None
            start = end - len(self._tail)
        left = len(chunk) - start
        if self._more_bytes <= left:
            return start + self._more_bytes
        self._more_bytes -= left
        return None


def is_comment(block: bytes) -> bool:
    """It brings no event; around it there may be the size of a chunk."""
    lines = [line for line in LINE_END.split(block) if line and not CHUNK_SIZE.fullmatch(line)]
    return bool(lines) and all(line.startswith(b":") for line in lines)


@dataclass
class Connection:
    """One TCP connection, and what it leaves as evidence."""

    cut: Cut | None
    was_cut: bool = False
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    sent: bytearray = field(default_factory=bytearray)
    _first: bytearray = field(default_factory=bytearray)
    _last: bytearray = field(default_factory=bytearray)

    def receive(self, passed: bytes) -> None:
        whole = len(self._first)
        self._first += passed[: KEPT - whole]
        self._last = (self._last + passed[max(0, KEPT - whole) :])[-KEPT:]

    @property
    def received(self) -> bytes:
        """The first and the last of it."""
        return bytes(self._first + (b"\n[...]\n" if len(self._last) == KEPT else b"") + self._last)


class Wire:
    """Passes connections on to one server; the first is cut by the first of its cuts, and so on."""

    def __init__(self, url: str, cuts: Iterable[Cut] = (), tls: ssl.SSLContext | None = None) -> None:
        target = urlsplit(url)
        self._tls = tls if target.scheme == "https" else None
        self._host, self._port = (
            target.hostname or "",
            target.port or (443 if target.scheme == "https" else 80),
        )
        self._cuts = list(cuts)
        self._held: list[asyncio.StreamWriter] = []
        self._relays: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections: list[Connection] = []

    async def relay(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        number = len(self.connections)
        connection = Connection(self._cuts[number] if number < len(self._cuts) else None)
        self.connections.append(connection)
        try:
            server_in, server_out = await self._dial(connection.cut)
        except OSError:
            client_out.transport.abort()
            return
        self._held.append(server_out)
        up = asyncio.create_task(pass_up(client_in, server_out, connection))
        try:
            await pass_down(server_in, client_out, connection)
        except ConnectionError:
            pass  # whoever is left learns of it below
        finally:
            connection.ended = time.monotonic()
            up.cancel()
            hang_up(client_out, connection)
            if not (connection.was_cut and connection.cut and connection.cut.how is How.SILENCE):
                hang_up(server_out, connection)

    async def _dial(self, cut: Cut | None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if cut is None or cut.how is not How.SILENCE or self._tls:
            return await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        plain = socket.socket(family)
        plain.setblocking(False)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that a dead end is soon a full one
        try:
            await asyncio.get_running_loop().sock_connect(plain, (self._host, self._port))
        except OSError:
            plain.close()
            raise
        return await asyncio.open_connection(sock=plain)

    async def close(self) -> None:
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        for server_out in self._held:
            server_out.transport.abort()

    def accept(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self.relay(client_in, client_out))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)


async def pass_up(
    client_in: asyncio.StreamReader, server_out: asyncio.StreamWriter, seen: Connection
) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await client_in.read(CHUNK):
            seen.sent += chunk[: KEPT - len(seen.sent)]
            server_out.write(chunk)
            await server_out.drain()
        server_out.close()  # the client has gone


async def pass_down(
    server_in: asyncio.StreamReader, client_out: asyncio.StreamWriter, seen: Connection
) -> None:
    gauge = Gauge(seen.cut) if seen.cut else None
    while chunk := await server_in.read(CHUNK):
        room = gauge.room(chunk) if gauge else None
        passed = chunk[:room]
        seen.receive(passed)
        client_out.write(passed)
        await client_out.drain()
        if room is not None:
            seen.was_cut = True
            return


def hang_up(side: asyncio.StreamWriter, connection: Connection) -> None:
    if connection.was_cut and connection.cut and connection.cut.how is How.RST:
        side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        side.transport.abort()
    else:
        side.close()


@asynccontextmanager
async def wire(url: str, cuts: Iterable[Cut] = (), tls: ssl.SSLContext | None = None) -> AsyncGenerator[Wire]:
    """A proxy on a free port of loopback, for as long as it is needed."""
    proxy = Wire(url, cuts, tls)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
