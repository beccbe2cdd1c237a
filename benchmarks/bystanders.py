"""Who is there besides in a soak: readers that do not read, and a session at the limit of its queue."""

import asyncio
import re
import socket
import statistics
import time
from pathlib import Path

from listener import Listener, Tally

ASLEEP = 1 / 60  # messages a second: the most that a build may sleep
STEPS_TO_FILL_A_SOCKET = 10_000  # the kernel holds back 1.6 MB for a reader with the smallest of buffers
AT_LIMIT = re.compile(rb"HTTP/1.1 429 ")
PROBES = 20


class Deaf:
    """It has read a build, asks for all of it again, and never reads; whether it was let go, Linux tells."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = Listener(port, 1e6, STEPS_TO_FILL_A_SOCKET, Tally(1, 0))
        self._socket = socket.socket()

    async def begin(self) -> None:
        await self._listener.open()
        await self._listener.listen()
        start = self._listener.cursor.partition("-")[0] + "-0"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self._socket.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        await loop.sock_sendall(self._socket, self._listener.head("GET", more=f"last-event-id: {start}\r\n"))

    def let_go(self) -> bool:
        """Nothing of the connection is left on the server's side."""
        server, own = f":{self._port:04X}", f":{self._socket.getsockname()[1]:04X}"
        rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()]
        return not any(row[1].endswith(server) and row[2].endswith(own) for row in rows[1:])

    async def end(self) -> None:
        self._socket.close()
        await self._listener.close()


class Neighbour:
    """It begins builds that sleep, as many as it may."""

    def __init__(self, port: int) -> None:
        self._port, self._listener = port, Listener(port, ASLEEP, 1000, Tally(1, 0))
        self.builds = 0

    async def begin(self, most: int = 1000) -> None:
        await self._listener.open()
        while self.builds < most:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(self._listener.head("POST", self._listener.call(self.builds + 2)))
            head = await reader.readuntil(b"\r\n\r\n")
            writer.close()  # a cut is not a cancel
            if AT_LIMIT.match(head):
                return
            self.builds += 1

    async def end(self) -> None:
        await self._listener.close()

    async def first_steps_of_another(self) -> list[float]:
        """Seconds from the call of a build to the end of it, one step later."""
        took: list[float] = []
        for _ in range(PROBES):
            other = Listener(self._port, 20.0, 1, Tally(1, 1))
            await other.open()
            began = time.monotonic()
            await other.listen()
            took.append(time.monotonic() - began)
            await other.close()
        return took


def told(seconds: list[float]) -> str:
    return f"{max(seconds):.2f} s at most, median {statistics.median(seconds):.2f} s"
