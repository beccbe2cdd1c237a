# /// script
# dependencies = ["langchain-mcp-adapters>=0.3,<0.4"]
# ///
"""LangChain's adapters for MCP: the tool as an agent calls it, each call in a session of its own."""

import asyncio
import sys

from langchain_mcp_adapters.client import MultiServerMCPClient


async def main(url: str) -> None:
    client = MultiServerMCPClient({"judge": {"transport": "streamable_http", "url": url}})
    (tool,) = await client.get_tools()
    print(await tool.ainvoke({}))


asyncio.run(main(sys.argv[1]))
