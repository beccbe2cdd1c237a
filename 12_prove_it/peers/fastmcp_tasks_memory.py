# /// script
# dependencies = ["fastmcp==4.1.2", "fastmcp-tasks>=4.1,<4.2", "uvicorn"]
# ///
"""`fastmcp-tasks` in memory, given as its documentation says: a server of 2026-07-28."""

import asyncio
import sys
from importlib.metadata import version

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp_tasks import TasksExtension

server: FastMCP[None] = FastMCP("fastmcp-tasks")
server.add_extension(TasksExtension())


@server.tool(task=True)
async def count(count: int, interval: float, ctx: Context, fail: bool = False) -> str:
    """Report progress so many times, with a pause after each."""
    for number in range(1, count + 1):
        await ctx.report_progress(number, count)
        await asyncio.sleep(interval)
    if fail:
        raise ValueError("It went wrong.")
    return f"Counted to {count}."


if __name__ == "__main__":
    print(", ".join(f"{name} {version(name)}" for name in ("fastmcp", "fastmcp-tasks")), flush=True)
    uvicorn.run(server.http_app(), port=int(sys.argv[1]), log_level="error", timeout_graceful_shutdown=1)
