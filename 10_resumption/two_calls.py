"""The official client makes two calls at once, and both are cut: has each call its own forecast?"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit

from mcp.client import Client
from pydantic import BaseModel

from say import say


class Forecast(BaseModel):
    """What is read of an answer."""

    city: str


@contextlib.asynccontextmanager
async def cable(url: str) -> AsyncGenerator[tuple[str, Callable[[], None]]]:
    """A proxy in between: the URL that leads through it, and how to cut what is connected."""
    there, ends = urlsplit(url), set[asyncio.StreamWriter]()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # a cut ends it
            while some := await reader.read(65536):
                writer.write(some)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, server = await asyncio.open_connection(there.hostname, there.port)
        except OSError:
            writer.transport.abort()
            return
        ends.update((writer, server))
        await asyncio.gather(carry(reader, server), carry(answers, writer))
        ends.difference_update((writer, server))

    def cut() -> None:
        for end in list(ends):
            end.transport.abort()

    async with asyncio.TaskGroup() as connections:

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.create_task(connect(reader, writer))

        listener = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}{there.path}", cut
        finally:
            listener.close()
            cut()


async def two_calls(url: str) -> dict[str, str]:
    """The answer to each city, as the client has it."""
    begun = {city: asyncio.Event() for city in ("Oslo", "Rome")}
    answers: dict[str, str] = {}
    async with cable(url) as (through, cut), Client(through, mode="legacy") as client:

        async def call(city: str) -> None:
            async def progressed(progress: float, total: float | None, message: str | None) -> None:
                begun[city].set()

            result = await client.call_tool("get_forecast", {"city": city}, progress_callback=progressed)
            answers[city] = Forecast.model_validate(result.structured_content).city

        async with asyncio.TaskGroup() as calls:
            for city, has_begun in begun.items():
                calls.create_task(call(city))
                await has_begun.wait()
            say("severed", "the connections of both calls; the client resumes each by itself")
            cut()
    for city in begun:
        say("answer", f"to the call for {city}: the forecast of {answers[city]}")
    return answers


async def main(url: str, patience: float) -> int:
    there = urlsplit(url)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # no proxy leads to our own on loopback
    try:
        _, probe = await asyncio.open_connection(there.hostname, there.port)
        probe.close()
        async with asyncio.timeout(patience):
            answers = await two_calls(url)
    except TimeoutError:
        say("failed", f"not both were answered within {patience:g} s")
        return 1
    except OSError as error:
        say("failed", f"{url} cannot be reached ({error}). Start the server: uv run server.py")
        return 1
    wrong = [f"{city} was told of {told}" for city, told in answers.items() if told != city]
    if wrong:
        say("failed", f"a wrong answer: {', '.join(wrong)}")
        return 1
    say("proven", "each call has its own answer")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Two calls at once, cut in the middle, by the official client."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000/mcp", help="default: %(default)s")
    parser.add_argument(
        "--patience", type=float, default=30.0, help="seconds for both answers (default: %(default)s)"
    )
    flags = parser.parse_args()
    try:
        sys.exit(asyncio.run(main(flags.url, flags.patience)))
    except KeyboardInterrupt:
        sys.exit(130)


# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
