# /// script
# requires-python = ">=3.11"
# dependencies = ["langchain-mcp-adapters==0.3.2"]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""LangChain's MCP adapters, as their README has it: call `build_project`, and print what the tool returns."""

import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


async def main(url: str, steps: int, interval: float) -> None:
    client = MultiServerMCPClient({"lesson": {"transport": "streamable_http", "url": url}})
    async with client.session("lesson") as session:
        (tool,) = await load_mcp_tools(session)
        print("result", await tool.ainvoke({"steps": steps, "interval": interval}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
