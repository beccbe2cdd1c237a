"""HTTP/1.1 by hand, as far as a test server needs it: each byte that goes out is the test's own choice.

request  what a client asked
out      the way back to the client: a head, then the body whole or in chunks
gone     the client has hung up, or its connection was cut
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pydantic import JsonValue

REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 404: "Not Found", 410: "Gone"}
LONGEST_HEAD, LONGEST_BODY = 200_000, 64_000_000


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case; two lines of one name are joined by a comma
    body: bytes = b""
    too_large: bool = False
    connection: int = 0  # the number of the request on its connection


@dataclass
class Out:
    """The answer to one request, as it goes out."""

    writer: asyncio.StreamWriter
    begun: bool = False
    chunked: bool = False
    ended: bool = False
    headers: dict[str, str] = field(default_factory=dict[str, str])  # that every answer of a server has

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def whole(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        length = {} if status == 204 else {"content-length": str(len(body))}
        await self._head(status, (headers or {}) | length, body)
        self.ended = True

    async def json(self, status: int, value: JsonValue, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        await self.whole(status, {"content-type": "application/json"} | (headers or {}), body)

    async def stream(self, headers: dict[str, str]) -> None:
        self.chunked = True
        await self._head(200, headers | {"transfer-encoding": "chunked"})

    async def send(self, data: bytes) -> None:
        if data:
            await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        if self.chunked and not self.ended:
            self.ended = True
            await self.raw(b"0\r\n\r\n")

    async def _head(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.begun = True
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Refused')}"]
        lines += [f"{name}: {value}" for name, value in (self.headers | headers).items()]
        await self.raw("\r\n".join([*lines, "", ""]).encode() + body)

    def narrow(self) -> None:
        """Little is on its way at any time: who does not read is noticed soon."""
        self.writer.transport.set_write_buffer_limits(0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def abort(self) -> None:
        self.ended = True
        self.writer.transport.abort()


Serve = Callable[[Request, Out], Awaitable[None]]


class Connection:
    """Requests of one client, one after another; a handler is cancelled when its client is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, largest: int) -> None:
        self.reader, self.writer, self.largest = reader, writer, largest
        self._ahead = b""

    async def run(self, serve: Serve) -> None:
        number = 0
        while request := await self._request(number):
            out = Out(self.writer)
            handling = asyncio.ensure_future(serve(request, out))
            ahead = asyncio.create_task(self._peek())
            try:
                await asyncio.wait({handling, ahead}, return_when=asyncio.FIRST_COMPLETED)
                if not handling.done() and ahead.result():
                    self._ahead = ahead.result()
                    await asyncio.wait({handling})
            finally:
                handling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await handling
            await out.end()
            if self.writer.is_closing():
                return
            self._ahead = self._ahead or await ahead
            if not self._ahead:
                return
            number += 1

    async def _peek(self) -> bytes:
        """The first byte of the next request; none: the client has gone."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read(1)
        return b""

    async def _request(self, number: int) -> Request | None:
        head = self._ahead + await self.reader.readuntil(b"\r\n\r\n")
        self._ahead = b""
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers: dict[str, str] = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip().encode("latin-1").decode("utf-8", "replace")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        request = Request(method, path, headers, connection=number)
        length = int(headers.get("content-length", "0"))
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int(await self.reader.readline(), 16):
                request.body += (await self.reader.readexactly(size + 2))[:-2]
            await self.reader.readline()
        elif length <= self.largest:
            request.body = await self.reader.readexactly(length)
        else:
            request.too_large = True
            while length and (some := await self.reader.read(min(length, 65536))):
                length -= len(some)
        return request


@dataclass
class Listener:
    """A server on a free port of loopback, which can die."""

    url: str
    server: asyncio.Server
    at_work: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def die(self) -> None:
        """As a process that is killed: nobody listens, and what was open is reset."""
        self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()


@asynccontextmanager
async def listening(serve: Serve, largest: int) -> AsyncGenerator[Listener]:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        listener.at_work.add(task)
        listener.writers.add(writer)
        try:
            await Connection(reader, writer, largest).run(serve)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the server goes
        finally:
            listener.at_work.discard(task)
            listener.writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=LONGEST_HEAD)
    port = server.sockets[0].getsockname()[1]
    listener = Listener(f"http://127.0.0.1:{port}/mcp", server)
    try:
        yield listener
    finally:
        server.close()
        for task in list(listener.at_work):
            task.cancel()
        await asyncio.gather(*listener.at_work, return_exceptions=True)
