"""One tool, both eras, one endpoint: 2025-11-25 by resumption, 2026-07-28 by tasks.

task     work that outlives its request: the call is answered by a handle, and the handle by the result
journal  where the tool notes its steps: the tool does not know whether that is a task or a stream
era      which protocol a request speaks; each request says it itself
"""

from plumbing.ctrl_c import in_order

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from door import Door
from event_store import SessionEventStore
from journal import MODERN
from keeping.opened import opened
from listening import Listening
from plumbing.body import Bodies
from plumbing.door import PROTOCOLS, Guard
from plumbing.launch import launch
from plumbing.under_way import UnderWay
from server_side.builds import Builds
from server_side.eras import Eras
from server_side.owners import signed_in
from server_side.running import Running
from server_side.settings import Settings
from task import StoreError, Task, UnknownTaskError
from task_store import TaskStore, found
from tasks import UNKNOWN, Tasks, principal
from work import Work

PAGE = 1000  # lines of a log that are read at once


def create_app(settings: Settings) -> Starlette:
    store = opened(settings)
    work = Work(store, settings.limits, settings.max_running, settings.lease / 4)
    tasks = Tasks(["build_project"], store, work, settings.limits, settings.ttl, settings.poll)
    server = MCPServer("tasks", version="1.0.0", log_level="ERROR", extensions=[tasks])
    server.middleware.append(Listening(tasks, store, settings.max_listeners))
    builds = Builds(settings.max_idle)
    server.add_tool(builds.build_project)
    server.resource("build://runs/{run}")(builds.run)
    server.resource("build://{task}/log/{after}")(Log(store).read)
    app = server.streamable_http_app(
        event_store=SessionEventStore(),
        retry_interval=settings.retry,
        max_request_body_size=settings.max_body,
        session_idle_timeout=settings.max_idle,
        max_sessions=settings.max_sessions,
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=False
        ),  # `Guard` does it
    )
    under_way = UnderWay(app)
    door = Door(under_way, settings)
    eras = Eras(app, door, Bodies(settings))
    guard = Guard(signed_in(eras, settings.token), settings, (*PROTOCOLS, MODERN))
    running = Running(server.session_manager, "info", [door.close, under_way.end_all])

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with store.running(), running.lifespan(app), work.running(server.call_tool):
            yield

    return Starlette(routes=[Route("/mcp", guard), Route("/mcp/", guard)], lifespan=lifespan)


class Log:
    """A task's log, read with a cursor: what was `Last-Event-ID` is an argument now."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    async def read(self, task: str, after: str) -> str:
        """The lines of a task's log that follow line `after`."""
        try:
            return await self._read(await found(self._store, task, principal()), after)
        except UnknownTaskError:
            raise ResourceNotFoundError(UNKNOWN) from None
        except StoreError as error:
            raise ResourceError(str(error)) from None

    async def _read(self, kept: Task, after: str) -> str:
        cursor = int(after) if len(after) < 10 and after.isdecimal() else -1
        if not 0 <= cursor <= kept.steps:
            raise ResourceNotFoundError(f"This log has the lines 1 to {kept.steps}: read it from 0 on.")
        lines = await self._store.log(kept.id, cursor, PAGE)
        return json.dumps({"after": cursor, "lines": lines, "last": kept.steps, "over": kept.is_over})


mcp_app = create_app(Settings())

if __name__ == "__main__":
    in_order()
    launch(Settings, create_app, "One tool for both eras: by resumption, and by tasks.")

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
