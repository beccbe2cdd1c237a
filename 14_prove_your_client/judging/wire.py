"""The wire: a port of our own, the requests that come to it, our answers byte by byte, and both as evidence.

link    one connection of the client
asked   one request on it, and the means to answer it: whole, or as a stream of bytes that can be cut
cut     how a connection ends before its answer does
moment  who said what, and when
"""

import asyncio
import contextlib
import re
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel, JsonValue, ValidationError

HOST = "127.0.0.1"
RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
LARGEST = 4_000_000  # bytes of a request
SHOWN = 1500  # bytes of one thing that was said
STATUS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    410: "Gone",
    500: "Internal Server Error",
}
DULL = re.compile(  # headers that prove nothing
    r"(?im)^(accept-encoding|accept-language|connection|user-agent|host|date|cache-control|pragma|keep-alive|"
    r"content-length|transfer-encoding|sec-fetch-mode|content-type: application/json):?.*\n"
)
SECRET = re.compile(r"(?im)^([\w-]*(?:authorization|cookie|api-key|token|secret)[\w-]*:\s*).+$")


class Cut(StrEnum):
    RESET = "a reset"
    DROP = "closed in the middle of the answer"
    END = "the answer ends in good order"


class Message(BaseModel):
    id: int | str | None = None
    method: str = ""
    params: dict[str, JsonValue] = {}
    result: JsonValue = None
    error: JsonValue = None


@dataclass
class Moment:
    at: float  # seconds since the play began
    connection: int
    who: str  # client, judge or cut
    said: bytes


@dataclass
class Asked:
    """A request, and its answer as it goes out."""

    link: "Link"
    method: str
    path: str
    headers: dict[str, str]
    message: Message | None
    at: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    chunked: bool = True

    @property
    def last_event_id(self) -> str | None:
        return self.headers.get("last-event-id")

    async def answer(self, status: int, body: bytes, kind: str = "application/json", **more: str) -> None:
        """All of it, at once."""
        labels = {"content-length": str(len(body)), **{name.replace("_", "-"): more[name] for name in more}}
        if body:
            labels["content-type"] = kind
        await self.link.say(head(status, labels) + body)
        self.over.set()

    async def open(
        self, kind: str = "text/event-stream", *, chunked: bool = True, slowly: bool = False
    ) -> None:
        """The head of an answer that is a stream."""
        self.chunked = chunked
        labels = {"content-type": kind, "cache-control": "no-cache"}
        labels |= {"transfer-encoding": "chunked"} if chunked else {"connection": "close"}
        await self.link.say(head(200, labels), piece=1 if slowly else 0)

    async def send(self, data: bytes, piece: int = 0) -> None:
        """Bytes of the stream; in chunks of so many bytes, if it is told."""
        for start in range(0, len(data), piece or len(data) or 1):
            part = data[start : start + (piece or len(data))]
            await self.link.say(b"%x\r\n%b\r\n" % (len(part), part) if self.chunked else part)
            if piece:
                await asyncio.sleep(0)  # each a packet of its own, as far as the kernel lets it

    async def end(self, cut: Cut) -> None:
        if cut is Cut.END and self.chunked:
            await self.link.say(b"0\r\n\r\n")
            self.link.note("cut", cut.encode())
        else:
            self.link.close(cut)
        self.over.set()


def head(status: int, labels: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {STATUS[status]}", *(f"{name}: {value}" for name, value in labels.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Link:
    """One connection. Its requests come one after the other; each is answered before the next is read."""

    def __init__(self, wire: "Wire", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.wire, self.reader, self.writer = wire, reader, writer
        self.number = len(wire.links) + 1
        self.buffer = b""
        self.is_open = True

    def note(self, who: str, said: bytes) -> None:
        self.wire.moments.append(Moment(self.wire.now(), self.number, who, said))

    async def say(self, data: bytes, piece: int = 0) -> None:
        """What cannot be said to a client that has gone is noted, and no mishap of ours."""
        if not self.is_open:
            return
        self.note("judge", data)
        try:
            for start in range(0, len(data), piece or len(data) or 1):
                self.writer.write(data[start : start + (piece or len(data))])
                await self.writer.drain()
        except OSError:
            self.gone()

    def gone(self) -> None:
        if self.is_open:
            self.is_open = False
            self.note("client", b"(closes the connection)")
            self.wire.changed()

    def close(self, cut: Cut) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self.note("cut", cut.encode())
        if cut is Cut.RESET:
            self.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE
            )
            self.writer.transport.abort()
        else:
            self.writer.close()

    async def more(self) -> None:
        got = b""
        with contextlib.suppress(OSError):
            got = await self.reader.read(65536)
        self.buffer += got
        if not got or len(self.buffer) > LARGEST:
            self.gone()

    async def take(self, size: int) -> bytes:
        while len(self.buffer) < size and self.is_open:
            await self.more()
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    async def take_line(self, end: bytes = b"\r\n") -> bytes:
        while end not in self.buffer and self.is_open:
            await self.more()
        line, found, rest = self.buffer.partition(end)
        self.buffer = rest
        return line if found else b""

    async def take_body(self, headers: dict[str, str]) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await self.take(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self.take_line() or b"0", 16):
            body += await self.take(size)
            await self.take_line()
        await self.take_line()
        return body

    async def request(self) -> Asked | None:
        top = await self.take_line(b"\r\n\r\n")
        if not top:
            return None
        at = self.wire.now()
        first, *lines = top.decode("latin-1").split("\r\n")
        method, path, *_ = [*first.split(" "), "", ""]
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):  # one that comes twice is a list
            before = headers.get(name.strip().lower())
            headers[name.strip().lower()] = f"{before}, {value.strip()}" if before else value.strip()
        body = await self.take_body(headers)
        self.note("client", top + b"\r\n\r\n" + body)
        try:
            message = Message.model_validate_json(body) if body else None
        except ValidationError:
            message = None
        return Asked(self, method, path, headers, message, at)

    async def until_answered(self, asked: Asked) -> None:
        """Meanwhile a client that leaves is noticed."""
        waits: set[asyncio.Task[object]] = {asyncio.create_task(asked.over.wait())}
        try:
            while self.is_open and not asked.over.is_set():
                waits.add(asyncio.create_task(self.more()))
                _, waits = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            if waits:
                await asyncio.wait(waits)

    async def serve(self) -> None:
        try:
            while asked := await self.request():
                self.wire.asked.append(asked)
                await self.wire.take(asked)
                self.wire.changed()
                await self.until_answered(asked)
                if not self.is_open:
                    break
        except (OSError, ValueError):  # not a request that anybody can read
            self.gone()
        finally:
            self.writer.close()


class Wire:
    def __init__(self, take: Callable[[Asked], Awaitable[None]]) -> None:
        self.take = take
        self.began = time.monotonic()
        self.links: list[Link] = []
        self.moments: list[Moment] = []
        self.asked: list[Asked] = []
        self.news = asyncio.Event()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/mcp"

    def now(self) -> float:
        return time.monotonic() - self.began

    @property
    def last(self) -> float:
        """When somebody last said something."""
        return self.moments[-1].at if self.moments else 0.0

    def changed(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    async def listen(self) -> None:
        """On a free port the first time, and on the same one again when it comes back."""

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            link = Link(self, reader, writer)
            self.links.append(link)
            task = asyncio.create_task(link.serve())
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        self._server = await asyncio.start_server(connected, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def go_away(self) -> None:
        """Nobody listens, and what was connected is cut."""
        if self._server:
            self._server.close()
        for link in self.links:
            link.close(Cut.DROP)

    async def close(self) -> None:
        self.go_away()
        for task in self._serving:
            task.cancel()
        if self._serving:
            await asyncio.wait(self._serving)


def shown(said: bytes) -> str:
    """For a person: without what proves nothing, and without secrets; long ones are cut short."""
    text = DULL.sub("", said.decode(errors="backslashreplace").replace("\r\n", "\n"))
    text = SECRET.sub(r"\1(hidden)", text).strip()
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]} ... {text[-SHOWN // 2 :]}"


def merged(moments: list[Moment]) -> list[Moment]:
    """What one side says without a pause or a word from the other is one thing said."""
    whole: list[Moment] = []
    last: dict[int, Moment] = {}
    for moment in moments:
        before = last.get(moment.connection)
        if before and before.who == moment.who == "judge" and moment.at - before.at < 0.02:
            before.said += moment.said
        else:
            last[moment.connection] = Moment(moment.at, moment.connection, moment.who, moment.said)
            whole.append(last[moment.connection])
    return whole


def evidence(moments: list[Moment]) -> str:
    """Stretch by stretch, what one connection carried: > the client's words, < ours, and how it was cut."""
    lines: list[str] = []
    number, title = 0, 0
    for moment in merged(moments):
        if moment.connection != number:
            number, title = moment.connection, len(lines)
            lines.append(f"-- connection {number}, at {moment.at:.2f} s")
        if moment.who == "cut":
            lines[title] += f", cut: {moment.said.decode()}"
        else:
            lines.append(f"{'>' if moment.who == 'client' else '<'} {shown(moment.said)}")
    return "\n".join(lines)
