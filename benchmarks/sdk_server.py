"""Lesson 07's tool on the SDK's server: the burst goes to the session's standing GET stream.

Run by `uvicorn sdk_server:app`.
"""

import asyncio

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import LoggingMessageNotification, LoggingMessageNotificationParams

from sdk_stores import PlainStore

server = MCPServer("sdk", log_level="WARNING")
bursts: set[asyncio.Task[None]] = set()


@server.tool()
async def send_burst(count: int, interval: float, ctx: Context) -> str:
    """Begin to send numbered messages, and answer at once."""
    session = ctx.session

    async def run() -> None:
        for number in range(1, count + 1):
            data = {"number": number, "of": count, "elapsed": 0.123}
            params = LoggingMessageNotificationParams(level="info", logger="send_burst", data=data)
            await session.send_notification(LoggingMessageNotification(params=params))
            if interval:
                await asyncio.sleep(interval)

    burst = asyncio.create_task(run())
    bursts.add(burst)
    burst.add_done_callback(bursts.discard)
    return f"A burst of {count} messages has begun."


app = server.streamable_http_app(event_store=PlainStore(5_000))
