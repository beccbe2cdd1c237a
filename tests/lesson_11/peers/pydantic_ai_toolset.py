# /// script
# requires-python = ">=3.11"
# dependencies = ["pydantic-ai-slim[mcp]==2.68.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""Pydantic AI, without a model: call `build_project`, and print what the tool returns."""

import asyncio
import sys

from pydantic_ai.mcp import MCPToolset


async def main(url: str, steps: int, interval: float) -> None:
    async with MCPToolset(url) as server:
        print(
            "result", await server.direct_call_tool("build_project", {"steps": steps, "interval": interval})
        )


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
