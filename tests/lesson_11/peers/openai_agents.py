# /// script
# requires-python = ">=3.11"
# dependencies = ["openai-agents==0.24.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""OpenAI's Agents SDK, without a model: call `build_project`, and print what the tool returns."""

import asyncio
import sys

from agents.mcp import MCPServerStreamableHttp


async def main(url: str, steps: int, interval: float) -> None:
    async with MCPServerStreamableHttp({"url": url}, client_session_timeout_seconds=60) as server:
        print("result", await server.call_tool("build_project", {"steps": steps, "interval": interval}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
