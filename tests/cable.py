"""A cable that can be cut: a TCP proxy between a client and a server that know nothing of it."""

import contextlib
import socket
import struct
import threading
from collections.abc import Generator


class Cable:
    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.carried = b""  # all bytes, in both directions
        self._flows = threading.Event()
        self._flows.set()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # until the cable is taken away
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._open |= {client, server}
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, client), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a cut ends it
            while some := one.recv(65536):
                self._flows.wait()
                self.carried += some
                other.sendall(some)
            other.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """Reset all connections, on both sides, and let the next ones through."""
        while self._open:
            end = self._open.pop()
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def hold(self) -> None:
        """Let nothing through, and nobody know: the connections stay open."""
        self._flows.clear()

    def lead_to(self, server_port: int) -> None:
        """Lead the next connections to another server, and cut those to this one."""
        self._server_port = server_port
        self.cut()

    def remove(self) -> None:
        self._listener.close()
        self.cut()
        self._flows.set()


@contextlib.contextmanager
def cable(server_port: int) -> Generator[Cable]:
    laid = Cable(server_port)
    try:
        yield laid
    finally:
        laid.remove()
