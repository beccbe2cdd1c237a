"""One connection of a client, which the server ends at once when it must (law 8).

A plain close waits until the client has read everything. A client that never reads would keep the socket and
megabytes of the kernel's memory for as long as it likes.
"""

import asyncio
import logging
import socket
import struct
import sys

from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger("server")
RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
GOODBYE = 2.0  # seconds for a connection to end by itself when the server stops


def connection(max_stall: float) -> type[H11Protocol]:
    """What uvicorn makes of each connection, with a limit for clients that stop reading."""

    class Connection(H11Protocol):
        unread = 0
        patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transport.set_write_buffer_limits(high=0)  # a single byte that waits starts the clock

        def pause_writing(self) -> None:
            super().pause_writing()
            self._watch()

        def _watch(self) -> None:
            self.unread = self.transport.get_write_buffer_size()
            self.patience = self.loop.call_later(max_stall, self._look_again)

        def _look_again(self) -> None:
            if self.transport.get_write_buffer_size() < self.unread:
                self._watch()  # slow, but it reads
            else:
                log.info("a reader has not read for %g s: let go", max_stall)
                self.reset()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forget()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _forget(self) -> None:
            if self.patience:
                self.patience.cancel()

        def shutdown(self) -> None:
            super().shutdown()
            self.loop.call_later(GOODBYE, self.reset)

        def reset(self) -> None:
            """End it, and drop what is still on its way."""
            own = self.transport.get_extra_info("socket")
            if own is not None and own.fileno() >= 0:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            self.transport.abort()

    return Connection
