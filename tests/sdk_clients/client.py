"""The Python SDK's client, unchanged: calls a burst, and prints the number of each message that comes.

python client.py URL COUNT INTERVAL
"""

import asyncio
import sys

from mcp.client import Client
from mcp.types import LoggingMessageNotificationParams


async def main(url: str, count: int, interval: float) -> None:
    over = asyncio.Event()

    async def show(params: LoggingMessageNotificationParams) -> None:
        print("number", params.data["number"], flush=True)
        if params.data["number"] == count:
            over.set()

    # Without the mode it would ask for 2026-07-28 first, which has nothing to resume.
    async with Client(url, mode="legacy", logging_callback=show) as client:
        await client.call_tool("send_burst", {"count": count, "interval": interval})
        await over.wait()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
