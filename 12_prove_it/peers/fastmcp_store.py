# /// script
# dependencies = ["fastmcp>=4.1", "uvicorn"]
# ///
"""`fastmcp` with its `EventStore`, given as its documentation says."""

import asyncio
import sys
from importlib.metadata import version

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.event_store import EventStore

server: FastMCP[None] = FastMCP("fastmcp")


@server.tool
async def count(count: int, interval: float, ctx: Context) -> str:
    """Report progress so many times, with a pause after each."""
    for number in range(1, count + 1):
        await ctx.report_progress(number, count)
        await asyncio.sleep(interval)
    return f"Counted to {count}."


if __name__ == "__main__":
    print(
        ", ".join(
            f"{name} {version(name)}"
            for name in (
                "fastmcp",
                "mcp",
            )
        ),
        flush=True,
    )
    uvicorn.run(
        server.http_app(event_store=EventStore()),
        port=int(sys.argv[1]),
        log_level="error",
        timeout_graceful_shutdown=1,
    )
