"""Notifications on two kinds of stream, by the official SDK's low-level `Server`.

call's own stream  answers the POST of a request: what belongs to the request, and at last its response
standing stream    the session's one GET: what belongs to no request
event, id and the rest are explained in `event_store.py`
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import SetLevelRequestParams
from starlette.applications import Starlette
from starlette.routing import Route

from door import Door
from event_store import SessionEventStore
from notifications import Notifications
from plumbing.door import Guard
from plumbing.launch import before_exit, launch
from plumbing.under_way import UnderWay
from settings import Settings, show_log


def create_app(settings: Settings) -> Starlette:
    tool = Notifications(settings.max_calls, settings.max_idle)
    server = Server("notification-stream", version="1.0.0", on_list_tools=tool.list, on_call_tool=tool.call)
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, tool.set_level)
    manager = StreamableHTTPSessionManager(
        server,
        event_store=SessionEventStore(),
        json_response=settings.json_response,
        retry_interval=settings.retry,
        session_idle_timeout=settings.max_idle,
        max_sessions=settings.max_sessions,
        max_request_body_size=settings.max_body,
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # `Guard` does it
    )
    under_way = UnderWay(manager.handle_request)
    door = Door(under_way, settings)
    endpoint = Guard(door, settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        """The sessions and their tools live in a group, which ends when the server stops."""
        show_log(settings.log_level)
        started, stopping = asyncio.Event(), asyncio.Event()

        async def sessions() -> None:
            async with manager.run():
                started.set()
                await stopping.wait()

        def stop() -> None:
            door.close()
            under_way.end_all()
            stopping.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(sessions())
            await started.wait()
            with before_exit(stop):
                yield
            stop()

    routes = [Route("/mcp", endpoint), Route("/mcp/", endpoint)]
    return Starlette(routes=routes, lifespan=lifespan)


mcp_app = create_app(Settings())

if __name__ == "__main__":
    launch(Settings, create_app, "Notifications on two kinds of stream, which outlive a cut.", port=3000)

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
