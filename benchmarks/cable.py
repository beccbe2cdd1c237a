"""A cable between the workers and Redis. Cut for one of them, it lets nothing through, either way."""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

CONNECTION = re.compile(r"^ *\d+: 0100007F:([0-9A-F]{4}) \S+ \S+ \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.MULTILINE)
LOOK = 0.05  # seconds between two looks whether a cable is whole again


def owner(port: int, pids: set[int]) -> int | None:
    """Which of the processes has the connection that begins at this port; Linux tells."""
    connections = CONNECTION.findall(Path("/proc/net/tcp").read_text(encoding="ascii"))
    wanted = {f"socket:[{inode}]" for at, inode in connections if int(at, 16) == port}
    for pid in pids:
        with contextlib.suppress(OSError):  # it died, or closed a file, just now
            for file in Path(f"/proc/{pid}/fd").iterdir():
                if str(file.readlink()) in wanted:
                    return pid
    return None


class Cable:
    def __init__(self, redis_port: int) -> None:
        self._redis_port, self.port = redis_port, 0
        self._cut: set[int] = set()

    @asynccontextmanager
    async def laid(self) -> AsyncGenerator["Cable"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    @contextmanager
    def cut(self, pid: int) -> Generator[None]:
        self._cut.add(pid)
        try:
            yield
        finally:
            self._cut.discard(pid)

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
        of: int | None = None
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                while self._cut:
                    of = of or owner(port, self._cut)
                    if of not in self._cut:
                        break
                    await asyncio.sleep(LOOK)
                writer.write(data)
                await writer.drain()
