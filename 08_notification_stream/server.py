"""Notifications on two kinds of stream, by the official SDK's low-level `Server`.

call's own stream  answers the POST of a request: what belongs to the request, and at last its response
standing stream    the session's one GET: what belongs to no request
event, id and the rest are explained in `event_store.py`
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from typing import Annotated
from weakref import WeakSet

from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    EmptyResult,
    ListToolsResult,
    LoggingMessageNotification,
    LoggingMessageNotificationParams,
    PaginatedRequestParams,
    SetLevelRequestParams,
    TextContent,
    Tool,
)
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from door import Door
from event_store import SessionEvents, SessionEventStore, current
from launch import Settings, before_exit, launch, show_log
from slow_reader import SlowReader

log = logging.getLogger("server")
NAME = "start-notification-stream"


class Arguments(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    interval: Annotated[float, Field(ge=0, le=60, description="seconds between two notifications")]
    count: Annotated[int, Field(ge=1, le=10_000, description="how many notifications")]
    caller: Annotated[str, Field(min_length=1, max_length=60, description="a name, which each will bear")]


class Notifications:
    """The server's one tool."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._at_work = 0
        self._silenced: WeakSet[SessionEvents] = WeakSet()  # sessions that want warnings only

    async def stream(self, ctx: ServerRequestContext, asked: Arguments) -> None:
        began = time.perf_counter()

        async def notify(stream: str, number: int, related_request_id: int | str | None) -> None:
            data: JsonValue = {
                "caller": asked.caller,
                "stream": stream,
                "number": number,
                "of": asked.count,
                "elapsed": round(time.perf_counter() - began, 3),
            }
            params = LoggingMessageNotificationParams(level="info", logger=NAME, data=data)
            if current.get() not in self._silenced:
                await ctx.session.send_notification(
                    LoggingMessageNotification(params=params), related_request_id
                )

        for number in range(1, asked.count + 1):
            await notify("call", number, ctx.request_id)  # on the stream of the request that it is about
            await asyncio.sleep(asked.interval)
        await notify("standing", asked.count, None)  # about no request: on the session's standing stream

    async def call(self, ctx: ServerRequestContext, params: CallToolRequestParams) -> CallToolResult:
        if params.name != NAME:
            raise MCPError(INVALID_PARAMS, f"There is one tool here: {NAME}.")
        try:
            asked = Arguments.model_validate(params.arguments or {})
        except ValidationError as mistake:
            first = mistake.errors(include_url=False)[0]
            where = ".".join(str(part)[:40] for part in first["loc"])
            return tool_result(f"{where}: {first['msg']}.", failed=True)
        if asked.interval * asked.count >= self._settings.max_idle:
            # The SDK ends a session that has no open request, whether or not a tool is at work (law 5).
            limit = f"{self._settings.max_idle:g} s, after which a session ends whose client is away"
            return tool_result(f"interval times count must stay below {limit}.", failed=True)
        if self._at_work >= self._settings.max_calls:
            return tool_result("As many calls are at work as there may be: try again later.", failed=True)
        self._at_work += 1
        log.info("%.60r: %d notifications begin", asked.caller, asked.count)
        try:
            await self.stream(ctx, asked)
        finally:
            self._at_work -= 1
        log.info("%.60r: all are sent", asked.caller)
        return tool_result(f"{asked.count} notifications were sent for {asked.caller}.")

    async def list(
        self, _ctx: ServerRequestContext, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        about = "Send notifications on the stream of this call, and then one on the standing stream."
        return ListToolsResult(
            tools=[Tool(name=NAME, description=about, input_schema=Arguments.model_json_schema())]
        )

    async def set_level(self, _ctx: ServerRequestContext, params: SetLevelRequestParams) -> EmptyResult:
        if params.level in ("debug", "info"):
            self._silenced.discard(current.get())
        else:
            self._silenced.add(current.get())
        return EmptyResult()


def tool_result(text: str, *, failed: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)


def create_app(settings: Settings) -> Starlette:
    tool = Notifications(settings)
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
        security_settings=TransportSecuritySettings(
            allowed_hosts=settings.hosts, allowed_origins=settings.origins
        ),
    )
    door = Door(manager.handle_request, settings.max_events, settings.retry)
    endpoint = SlowReader(door, settings.max_stall)
    browsers = Middleware(
        CORSMiddleware,
        allow_origin_regex=settings.origin_regex,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["content-type", "mcp-session-id", "mcp-protocol-version", "last-event-id"],
        expose_headers=["mcp-session-id"],  # or a page could not read which session it has opened
    )

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
            stopping.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(sessions())
            await started.wait()
            with before_exit(stop):
                yield
            stop()

    routes = [Route("/mcp", endpoint), Route("/mcp/", endpoint)]
    return Starlette(routes=routes, middleware=[browsers], lifespan=lifespan)


mcp_app = create_app(Settings())

if __name__ == "__main__":
    launch(create_app)
