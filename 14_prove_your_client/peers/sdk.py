# /// script
# dependencies = ["mcp>=2.3,<3"]
# ///
"""The Python SDK's client of the 2.x line, with its defaults."""

import asyncio
import sys

from mcp.client import Client
from mcp.types import LoggingMessageNotificationParams


async def show(params: LoggingMessageNotificationParams) -> None:
    print(params.data, flush=True)


async def main(url: str, calls: int) -> None:
    async with Client(url, logging_callback=show) as client:
        for answer in await asyncio.gather(*(client.call_tool("count", {}) for _ in range(calls))):
            print(answer.content[0].text)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
