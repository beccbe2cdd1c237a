"""The sessions and their tools live in one group, which ends when the server stops."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette

from plumbing.launch import before_exit
from server_side.settings import show_log


class Running:
    def __init__(
        self, manager: StreamableHTTPSessionManager, log_level: str, endings: list[Callable[[], None]]
    ) -> None:
        self._manager, self._log_level, self._endings = manager, log_level, endings
        self._started, self._stopping = asyncio.Event(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncGenerator[None]:
        show_log(self._log_level)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sessions())
            await self._started.wait()
            with before_exit(self._stop):
                yield
            self._stop()

    async def _sessions(self) -> None:
        async with self._manager.run():
            self._started.set()
            await self._stopping.wait()

    def _stop(self) -> None:
        for end in self._endings:
            end()
        self._stopping.set()
