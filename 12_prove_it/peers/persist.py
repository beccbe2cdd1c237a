# /// script
# dependencies = ["mcp-persist[sqlite]>=2.2", "mcp>=2.3,<3", "uvicorn"]
# ///
"""The Python SDK's `MCPServer` with `mcp-persist`, as its quick start says: SQLite, in a file of its own."""

import asyncio
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp_persist import with_persistence

server = MCPServer("persist", log_level="ERROR")


@server.tool()
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
                "mcp-persist",
                "mcp",
            )
        ),
        flush=True,
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        app = with_persistence(server, backend="sqlite", url=str(Path(folder) / "events.db"), ttl=3600)
        uvicorn.run(app, port=int(sys.argv[1]), log_level="error", timeout_graceful_shutdown=1)
