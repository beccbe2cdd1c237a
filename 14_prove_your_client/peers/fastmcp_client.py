# /// script
# dependencies = ["fastmcp==4.1.2"]
# ///
"""fastmcp's client, with its defaults; it raises when a tool fails."""

import asyncio
import sys

from fastmcp import Client


async def show(message):
    print(message.data, flush=True)


async def main(url: str, calls: int) -> None:
    async with Client(url, log_handler=show) as client:
        for answer in await asyncio.gather(*(client.call_tool("count", {}) for _ in range(calls))):
            print(answer.content[0].text)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
