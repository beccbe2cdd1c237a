"""The one tool: many notifications on the call's own stream, and then one on the standing stream."""

import asyncio
import logging
import time
from typing import Annotated
from weakref import WeakSet

from mcp import MCPError
from mcp.server.context import ServerRequestContext
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

from event_store import SessionStreams, current

log = logging.getLogger("server")
NAME = "start-notification-stream"


class Arguments(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    interval: Annotated[float, Field(ge=0, le=60, description="seconds between two notifications")]
    count: Annotated[int, Field(ge=1, le=10_000, description="how many notifications")]
    caller: Annotated[str, Field(min_length=1, max_length=60, description="a name, which each will bear")]


class Notifications:
    """The tool, as the SDK calls it."""

    def __init__(self, max_calls: int, max_idle: float) -> None:
        self._max_calls, self._max_idle = max_calls, max_idle
        self._at_work = 0
        self._silenced: WeakSet[SessionStreams] = WeakSet()  # sessions that want warnings only

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
        if asked.interval * asked.count >= self._max_idle:
            # The SDK ends a session that has no open request, whether or not a tool is at work (law 5).
            limit = f"{self._max_idle:g} s, after which a session ends whose client is away"
            return tool_result(f"interval times count must stay below {limit}.", failed=True)
        if self._at_work >= self._max_calls:
            return tool_result("As many calls are at work as there may be: try again later.", failed=True)
        self._at_work += 1
        log.info("%r: %d notifications begin", asked.caller, asked.count)
        try:
            await self.stream(ctx, asked)
        finally:
            self._at_work -= 1
        log.info("%r: all are sent", asked.caller)
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
