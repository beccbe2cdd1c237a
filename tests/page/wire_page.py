"""A server of a few lines behind the recording proxy, in one process; and facts without their times."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from pydantic import JsonValue

from workshop.wire.conversation import Conversation, Seen
from workshop.wire.proxy import Proxy
from workshop.wire.record import Fact, Record

PATIENCE = 60.0  # seconds; only what hangs uses them up
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Recorded:
    """A way to the server, and what the proxy on it has seen."""

    def __init__(self, record: Record, port: int) -> None:
        self.record, self.port = record, port

    async def open(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def fact(self, kind: str) -> Fact:
        async with asyncio.timeout(PATIENCE):
            while True:
                changed = self.record.changed
                for fact in self.record.facts:
                    if fact["kind"] == kind:
                        return fact
                await changed.wait()


@asynccontextmanager
async def recorded(serve: Serve) -> AsyncGenerator[Recorded]:
    record, seen = Record(), Seen()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    to: int = server.sockets[0].getsockname()[1]
    proxy = Proxy("127.0.0.1", to, lambda: Conversation(record, 0, seen, p=1, to=to), lambda: None)
    await proxy.listen()
    try:
        yield Recorded(record, proxy.port)
    finally:
        proxy.close()
        server.close()


def without_times(facts: list[Fact]) -> list[Mapping[str, JsonValue]]:
    return [{name: value for name, value in fact.items() if name != "t"} for fact in facts]
