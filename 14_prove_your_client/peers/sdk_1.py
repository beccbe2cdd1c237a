# /// script
# dependencies = ["mcp>=1.30,<2"]
# ///
"""The Python SDK's client of the 1.x line, with its defaults."""

import asyncio
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client


async def show(params):
    print(params.data, flush=True)


async def main(url: str, calls: int) -> int:
    async with (
        streamable_http_client(url) as (read, write, _),
        ClientSession(read, write, logging_callback=show) as one,
    ):
        await one.initialize()
        answers = await asyncio.gather(*(one.call_tool("count", {}) for _ in range(calls)))
        for answer in answers:
            print(answer.content[0].text)
        return int(any(answer.isError for answer in answers))


sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
