"""The recording proxy: leads connections to a server, byte for byte, and reads along.

What comes is passed on first, and then read. Nothing is kept back: who cannot take more stops who sends.
A reset is passed on as a reset, an end as an end.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

from workshop.wire.conversation import Conversation
from workshop.wire.http_messages import HttpMessages

RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Side(asyncio.Protocol):
    """One end of a connection that is led through."""

    def __init__(self, whose: str, through: "Through") -> None:
        self.whose, self._through = whose, through
        self.transport: asyncio.Transport | None = None
        self.has_ended = False  # it sends no more
        self.is_lost = False

    @property
    def peer(self) -> "Side":
        return self._through.server if self is self._through.client else self._through.client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a connection can be read and written")
        self.transport = transport
        transport.set_write_buffer_limits(high=0)
        self._through.connected(self)

    def data_received(self, data: bytes) -> None:
        self.peer.send(data)
        self._through.read(self, data)

    def eof_received(self) -> bool:
        """It may still listen: so only its end is passed on, and the other direction stays open."""
        self.has_ended = True
        self._through.over(self, "end")
        self.peer.finish()
        return not self.peer.has_ended

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if not self.has_ended:
            self._through.over(self, "reset" if exc else "end")
        if exc:
            self.peer.reset()
        else:
            self.peer.close()
        self._through.lost()

    def pause_writing(self) -> None:
        if self.peer.transport and not self.peer.is_lost:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer.transport and not self.peer.is_lost:
            self.peer.transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    def finish(self) -> None:
        """No more will be sent to it. If neither sends any more, the connection is over."""
        if self.transport and not self.transport.is_closing():
            if self.has_ended:
                self.transport.close()
            elif self.transport.can_write_eof():
                self.transport.write_eof()

    def close(self) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.close()

    def reset(self) -> None:
        if self.transport and not self.is_lost:
            connection: socket.socket = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.transport.abort()


class Through:
    """One connection, from the client to the server, and what it says."""

    def __init__(self, proxy: "Proxy") -> None:
        self._proxy = proxy
        self.client, self.server = Side("client", self), Side("server", self)
        self._conversation: Conversation | None = None
        self._is_over = False
        self._connecting: asyncio.Task[None] | None = None

    def connected(self, side: Side) -> None:
        if side is self.client and side.transport:
            self._proxy.open.add(self)
            side.transport.pause_reading()  # until somebody is there who takes it
            self._connecting = asyncio.create_task(self._connect(side.transport))

    async def _connect(self, client: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, self._proxy.host, self._proxy.to)
        except OSError:
            self._proxy.refused()
            self.client.reset()
            return
        if self.client.is_lost:
            self.server.close()
            return
        self._conversation = self._proxy.begin()
        client.resume_reading()

    def read(self, side: Side, data: bytes) -> None:
        if self._conversation and not self._is_over:
            heard: HttpMessages = self._conversation.up if side is self.client else self._conversation.down
            heard.feed(data)

    def over(self, side: Side, how: str) -> None:
        """Told by the first who ends it."""
        if self._conversation and not self._is_over:
            self._is_over = True
            self._conversation.over(side.whose, how)

    def lost(self) -> None:
        if self.client.is_lost and (self.server.is_lost or self.server.transport is None):
            self._proxy.open.discard(self)


class Proxy:
    """Listens for one server, and stays when that one is started again."""

    def __init__(
        self, host: str, to: int, begin: Callable[[], Conversation], refused: Callable[[], None]
    ) -> None:
        self.host, self.to, self.begin, self.refused = host, to, begin, refused
        self.port = 0
        self.open: set[Through] = set()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Through(self).client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server:
            self._server.close()
        for through in list(self.open):
            through.client.reset()
