"""A switch: a TCP proxy between the SDK's client and the server. Neither of them knows of it."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

REQUEST = re.compile(rb"(?m)^(GET|POST|DELETE) /")
CURSOR = re.compile(rb"(?mi)^last-event-id: *(\S+)")


@dataclass(eq=False)
class Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bytes = b""  # all that the client has sent; a JSON body has no line breaks

    @property
    def is_standing(self) -> bool:
        """Whether it carries the session's standing stream, not yet resumed."""
        return REQUEST.findall(self.asked)[-1:] == [b"GET"] and not CURSOR.search(self.asked)


class Switch:
    def __init__(self, host: str, port: int, tell: Callable[[str, str], None]) -> None:
        self._host, self._port, self._tell = host, port, tell
        self._open: set[Connection] = set()
        self.cut_at: list[float] = []
        self.back_at: list[float] = []  # when the first request to resume came, after each cut
        self.resumed: list[str] = []  # each Last-Event-ID that went by

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, server)
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, server, connection))
                both.create_task(self._carry(answers, writer, None))
        finally:
            self._open.discard(connection)
            writer.close()
            server.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asking: Connection | None
    ) -> None:
        with contextlib.suppress(OSError):  # a cut ends it
            while some := await reader.read(65536):
                if asking:
                    self._note(asking, some)
                writer.write(some)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    def _note(self, connection: Connection, some: bytes) -> None:
        before = len(CURSOR.findall(connection.asked))
        connection.asked += some
        for cursor in CURSOR.findall(connection.asked)[before:]:
            if len(self.back_at) < len(self.cut_at):
                self.back_at.append(time.perf_counter())
            self.resumed.append(cursor.decode())
            self._tell("GET", f"Last-Event-ID: {cursor.decode()}")

    def cut(self, *, standing: bool) -> None:
        """Reset the connections, that of the standing stream only if asked to; new ones go through."""
        severed = [connection for connection in self._open if standing or not connection.is_standing]
        for connection in severed:
            connection.client.transport.abort()
            connection.server.transport.abort()
        self.cut_at.append(time.perf_counter())

    def was_cut(self, moment: float) -> bool:
        """Whether nobody had come back yet from a cut."""
        gaps = zip(self.cut_at, [*self.back_at, float("inf")], strict=False)
        return any(cut < moment < back for cut, back in gaps)


@contextlib.asynccontextmanager
async def switch(url: str, tell: Callable[[str, str], None]) -> AsyncGenerator[tuple[Switch, str]]:
    """The switch, and the URL by which a client goes through it."""
    there = urlsplit(url)
    own = Switch(there.hostname or "", there.port or 80, tell)
    async with asyncio.TaskGroup() as connections:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.create_task(own.accept(reader, writer))

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            yield own, f"http://127.0.0.1:{port}{there.path}"
        finally:
            listener.close()
            own.cut(standing=True)
