"""A cable between the workers and Redis. Cut for one of them, it lets nothing through, either way."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

CONNECTION = re.compile(r"^ *\d+: 0100007F:([0-9A-F]{4}) \S+ \S+ \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.MULTILINE)
LOOK = 0.05  # seconds between two looks which connections a worker has, and whether the cable is whole again


def ports_of(pid: int) -> set[int]:
    """Where the connections of a process begin; Linux tells."""
    sockets: set[str] = set()
    with contextlib.suppress(OSError):  # it died, or closed a file, just now
        for file in Path(f"/proc/{pid}/fd").iterdir():
            sockets.add(str(file.readlink()))
    connections = CONNECTION.findall(Path("/proc/net/tcp").read_text(encoding="ascii"))
    return {int(port, 16) for port, inode in connections if f"socket:[{inode}]" in sockets}


class Cable:
    def __init__(self, redis_port: int) -> None:
        self._redis_port, self.port = redis_port, 0
        self._cut: set[int] = set()  # ports

    @asynccontextmanager
    async def laid(self) -> AsyncGenerator["Cable"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def cut(self, pid: int, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._cut = ports_of(pid)
                    await asyncio.sleep(LOOK)
        self._cut = set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = writer.get_extra_info("peername")[1]
        with contextlib.suppress(OSError):
            from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._redis_port)
            pumping = {
                asyncio.ensure_future(self._pump(port, reader, to_redis)),
                asyncio.ensure_future(self._pump(port, from_redis, writer)),
            }
            _, left = await asyncio.wait(pumping, return_when=asyncio.FIRST_COMPLETED)
            for each in left:
                each.cancel()
            to_redis.close()
        writer.close()

    async def _pump(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                while port in self._cut:  # noqa: ASYNC110 (whether it is cut is looked at, LOOK by LOOK)
                    await asyncio.sleep(LOOK)
                writer.write(data)
                await writer.drain()
