# /// script
# dependencies = ["fastmcp==4.1.2", "fastmcp-tasks==4.1.2"]
# ///
"""The client of `fastmcp`, which waits for tasks when `fastmcp-tasks` is imported."""

import asyncio
import sys

import fastmcp_tasks
from fastmcp import Client

url, steps, interval = sys.argv[1:]


async def main() -> None:
    async with Client(url) as client:
        build = {"steps": int(steps), "interval": float(interval)}
        result = await client.call_tool("build_project", build)
        print(result.content[0].text, "by fastmcp-tasks", fastmcp_tasks.__version__, flush=True)


asyncio.run(main())
