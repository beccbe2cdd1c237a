"""A slow tool on the official SDK, whose answer waits for a client that died.

`event_store.py` keeps it, `door.py` refuses what cannot be resumed; the rest is an ordinary MCP server.
"""

import asyncio
import logging
import zlib
from typing import Annotated, Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.routing import Route

from door import Door
from event_store import InMemoryEventStore, current
from plumbing.body import Bodies
from plumbing.door import Guard
from plumbing.launch import launch
from plumbing.under_way import UnderWay
from sessions import Sessions
from settings import Settings, show_log
from simulated_drop import SimulatedDrop

log = logging.getLogger("server")
STATIONS = 6  # that a forecast asks, one after the other
SKIES = ("sunny", "cloudy", "light rain", "heavy rain", "windy", "fog", "snow")


class Forecast(BaseModel):
    city: str
    sky: str
    low: int
    high: int

    @classmethod
    def of(cls, city: str) -> "Forecast":
        """Made up, but always the same for the same city."""
        luck = zlib.crc32(city.casefold().encode())
        low = luck % 25 - 5
        return cls(city=city, sky=SKIES[luck % len(SKIES)], low=low, high=low + 3 + luck // 100 % 9)

    def __str__(self) -> str:
        return f"{self.city} tomorrow: {self.sky}, {self.low} to {self.high} degrees."


class Office:
    """Where forecasts are made; counts, so that one can see that nothing is done twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._at_work = 0
        self._runs = 0

    async def get_forecast(self, city: str, ctx: Context) -> Annotated[CallToolResult, Forecast]:
        """Tomorrow's weather in a city."""
        if not 1 <= len(city := city.strip()) <= 60:
            raise ToolError("city: give a name of 1 to 60 characters.")
        if self._at_work >= self._settings.max_calls:
            raise ToolError("There are as many forecasts at work as there may be: try again later.")
        self._at_work += 1
        self._runs += 1
        log.info("get_forecast(%r): run %d begins", city, self._runs)
        try:
            for station in range(1, STATIONS + 1):
                await asyncio.sleep(self._settings.delay / STATIONS)
                worked = round(station * self._settings.delay / STATIONS, 3)
                await ctx.report_progress(worked, self._settings.delay, f"station {station} of {STATIONS}")
        finally:
            self._at_work -= 1
        log.info("get_forecast(%r): ready", city)
        forecast = Forecast.of(city)
        text = TextContent(type="text", text=str(forecast))
        return CallToolResult(content=[text], structured_content=forecast.model_dump())

    def runs(self) -> str:
        """How many forecasts this server has begun."""
        return str(self._runs)


async def open_stream(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
    """Until 2025-11-25 a request's stream has no event before its first message: tell the store of it."""
    if ctx.request_id is not None:
        current.get().open(str(ctx.request_id))
    return await call_next(ctx)


def create_app(settings: Settings) -> Starlette:
    show_log()
    store = InMemoryEventStore(settings.max_events, settings.max_age, settings.all_streams)
    office = Office(settings)
    mcp = MCPServer("resumption", version="1.0.0", log_level="ERROR", middleware=[open_stream])
    mcp.add_tool(office.get_forecast)
    mcp.resource("runs://get_forecast")(office.runs)
    app = mcp.streamable_http_app(
        event_store=store,
        retry_interval=settings.retry,
        max_request_body_size=settings.max_body,
        session_idle_timeout=None,  # `sessions.py` does better
        max_sessions=settings.max_sessions,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # `Guard` does
    )
    door = Door(UnderWay(SimulatedDrop(app)), store, Sessions(settings.max_idle), Bodies(settings))
    guarded = Guard(door, settings)
    routes = [Route("/mcp", guarded), Route("/mcp/", guarded)]
    return Starlette(routes=routes, lifespan=app.router.lifespan_context)


mcp_app = create_app(Settings())

if __name__ == "__main__":
    launch(Settings, create_app, "A server whose answers outlive the client that asked for them.")

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
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
