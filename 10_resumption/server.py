"""A slow tool on the official SDK, whose answer waits for a client that died.

The SDK speaks the wire. `SessionEventStore` keeps each message before it is sent, and `Door` refuses what
cannot be resumed. The rest is an ordinary MCP server.
"""

from plumbing.ctrl_c import in_order

from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.routing import Route

from event_store import SessionEventStore, SessionStreams, current
from on_sqlite.journal import opened
from on_sqlite.restored import Restored
from plumbing.body import Bodies
from plumbing.door import Guard
from plumbing.launch import launch
from plumbing.under_way import UnderWay
from server_side.door import Door
from server_side.sessions import Sessions
from server_side.settings import Settings, show_log
from server_side.simulated_drop import SimulatedDrop
from server_side.weather import Office


def create_app(settings: Settings) -> Starlette:
    show_log()
    kept = settings.max_events, settings.max_age
    journal = opened(settings.sqlite, *kept) if settings.sqlite else None
    sessions = Sessions(settings.max_idle, journal)
    office = Office(settings)
    mcp = MCPServer("resumption", version="1.0.0", log_level="ERROR", middleware=[open_stream])
    mcp.add_tool(office.get_forecast)
    mcp.resource("runs://get_forecast")(office.runs)
    app = mcp.streamable_http_app(
        event_store=SessionEventStore(),
        retry_interval=settings.retry,
        max_request_body_size=settings.max_body,
        session_idle_timeout=None,  # `Sessions` does better
        max_sessions=settings.max_sessions,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # `Guard` does
    )

    def new_session() -> SessionStreams:
        return SessionStreams(*kept, settings.all_streams, journal)

    door = Door(UnderWay(SimulatedDrop(app)), new_session, sessions, Bodies(settings))
    guarded = Guard(Restored(door, journal, sessions) if journal else door, settings)
    routes = [Route("/mcp", guarded), Route("/mcp/", guarded)]
    return Starlette(routes=routes, lifespan=app.router.lifespan_context)


async def open_stream(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Until 2025-11-25 a request's stream has no event before its first message: tell the store of it."""
    if ctx.request_id is not None:
        current.get().begin(ctx.request_id)
    return await call_next(ctx)


mcp_app = create_app(Settings())

if __name__ == "__main__":
    in_order()
    launch(Settings, create_app, "A server whose answers outlive the client that asked for them.")

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx2>=2.16,<3",
#   "httpx>=0.28,<1",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
