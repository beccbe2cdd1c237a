# /// script
# requires-python = ">=3.11"
# dependencies = ["mcp-proxy==0.13.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""mcp-proxy, for clients that speak stdio: call `build_project` through it, and print the result."""

import asyncio
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main(url: str, steps: int, interval: float) -> None:
    proxy = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_proxy", "--transport", "streamablehttp", url]
    )
    async with stdio_client(proxy) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        print("result", await session.call_tool("build_project", {"steps": steps, "interval": interval}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
