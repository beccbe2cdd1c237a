# /// script
# dependencies = ["mcp>=2.3,<3", "uvicorn"]
# ///
"""The Python SDK's `MCPServer`, with a store that does what the SDK's example store does."""

import asyncio
import sys
from collections import deque
from importlib.metadata import version
from uuid import uuid4

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp_types import JSONRPCMessage

KEPT = 100  # events of each stream, as in the example


class ExampleStore(EventStore):
    """The last events of each stream, under ids by chance; an id that is not known brings nothing."""

    def __init__(self) -> None:
        self.streams: dict[str, deque[tuple[str, JSONRPCMessage | None]]] = {}
        self.stream_of: dict[str, str] = {}

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        events = self.streams.setdefault(stream_id, deque(maxlen=KEPT))
        if len(events) == KEPT:
            self.stream_of.pop(events[0][0], None)
        event_id = str(uuid4())
        events.append((event_id, message))
        self.stream_of[event_id] = stream_id
        return event_id

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        stream_id = self.stream_of.get(last_event_id)
        if stream_id is None:
            return None
        after = False
        for event_id, message in self.streams[stream_id]:
            if after and message is not None:
                await send_callback(EventMessage(message, event_id))
            after = after or event_id == last_event_id
        return stream_id


server = MCPServer("sdk-example", log_level="ERROR")


@server.tool()
async def count(count: int, interval: float, ctx: Context) -> str:
    """Report progress so many times, with a pause after each."""
    for number in range(1, count + 1):
        await ctx.report_progress(number, count)
        await asyncio.sleep(interval)
    return f"Counted to {count}."


if __name__ == "__main__":
    print(f"mcp {version('mcp')}", flush=True)
    app = server.streamable_http_app(event_store=ExampleStore())
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
