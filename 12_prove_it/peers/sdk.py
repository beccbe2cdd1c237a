# /// script
# dependencies = ["mcp>=2.3,<3", "uvicorn"]
# ///
"""The Python SDK's `MCPServer`, with this lesson's event store of a few lines, which never forgets."""

import asyncio
import sys
from importlib.metadata import version

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import JSONRPCMessage


class PlainStore(EventStore):
    """Every event that there was, in one list."""

    def __init__(self) -> None:
        self.events: list[tuple[str, JSONRPCMessage | None]] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events))

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        after = int(last_event_id) if last_event_id.isdecimal() else 0
        if not 0 < after <= len(self.events):
            return None
        stream_id = self.events[after - 1][0]
        for number, (stream, message) in enumerate(self.events[after:], after + 1):
            if stream == stream_id and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream_id


server = MCPServer("sdk", log_level="ERROR")


@server.tool()
async def count(count: int, interval: float, ctx: Context) -> str:
    """Report progress so many times, with a pause after each."""
    for number in range(1, count + 1):
        await ctx.report_progress(number, count)
        await asyncio.sleep(interval)
    return f"Counted to {count}."


if __name__ == "__main__":
    print(", ".join(f"{name} {version(name)}" for name in ("mcp",)), flush=True)
    uvicorn.run(
        server.streamable_http_app(event_store=PlainStore()), port=int(sys.argv[1]), log_level="error"
    )
