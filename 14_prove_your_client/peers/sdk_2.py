# /// script
# dependencies = ["mcp>=2.3,<3"]
# ///
"""The Python SDK's client of the 2.x line, with its defaults."""

import asyncio
import sys

from mcp.client import Client


async def show(params):
    print(params.data, flush=True)


async def main(url: str, calls: int) -> int:
    async with Client(url, logging_callback=show) as client:
        answers = await asyncio.gather(*(client.call_tool("count", {}) for _ in range(calls)))
        for answer in answers:
            print(answer.content[0].text)
        return int(any(answer.is_error for answer in answers))


sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
