"""Notifications on two kinds of stream, by the official SDK's low-level `Server`.

call's own stream  answers the POST of a request: what belongs to the request, and at last its response
standing stream    the session's one GET: what belongs to no request
event, id and the rest are explained in `replay_buffer.py`
"""

from plumbing.ctrl_c import in_order

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import SetLevelRequestParams
from starlette.applications import Starlette
from starlette.routing import Route

from door import Door
from event_store import SessionEventStore
from plumbing.door import Guard
from plumbing.launch import launch
from plumbing.under_way import UnderWay
from server_side.notifications import Notifications
from server_side.running import Running
from server_side.settings import Settings


def create_app(settings: Settings) -> Starlette:
    """The SDK between our store, which keeps each event, and our door, which knows whose events they are."""
    manager = StreamableHTTPSessionManager(
        notification_server(settings),
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
    guard = Guard(door, settings)
    running = Running(manager, settings.log_level, [door.close, under_way.end_all])
    return Starlette(routes=[Route("/mcp", guard), Route("/mcp/", guard)], lifespan=running.lifespan)


def notification_server(settings: Settings) -> Server:
    """An ordinary MCP server: it knows nothing of stores, cuts and cursors."""
    tool = Notifications(settings.max_calls, settings.max_idle)
    server = Server("notification-stream", version="1.0.0", on_list_tools=tool.list, on_call_tool=tool.call)
    server.add_request_handler("logging/setLevel", SetLevelRequestParams, tool.set_level)
    return server


mcp_app = create_app(Settings())


def main() -> None:
    in_order()
    launch(Settings, create_app, "Notifications on two kinds of stream, which outlive a cut.", port=3000)


if __name__ == "__main__":
    main()

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
