"""The official client makes two calls at once, and both are cut: has each call its own forecast?"""

import asyncio
import logging
import os
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client import Client
from mcp.types import TextContent
from pydantic import BaseModel, ValidationError

from plumbing.say import say
from plumbing.switch import switch


class Forecast(BaseModel):
    """What is read of an answer."""

    city: str


class ToolError(Exception):
    """The tool has said no."""


async def two_calls(url: str) -> dict[str, str]:
    """The answer to each city, as the client has it."""
    begun = {city: asyncio.Event() for city in ("Oslo", "Rome")}
    answers: dict[str, str] = {}
    async with switch(url, say) as (own, through), Client(through, mode="legacy") as client:

        async def call(city: str) -> None:
            async def progressed(progress: float, total: float | None, message: str | None) -> None:
                begun[city].set()

            result = await client.call_tool("get_forecast", {"city": city}, progress_callback=progressed)
            if result.is_error:
                raise ToolError(
                    " ".join(part.text for part in result.content if isinstance(part, TextContent))
                )
            answers[city] = Forecast.model_validate(result.structured_content).city

        async with asyncio.TaskGroup() as calls:
            for city, has_begun in begun.items():
                calls.create_task(call(city))
                await has_begun.wait()
            say("severed", "the connections of both calls; the client resumes each")
            own.cut(standing=True)
    return {city: answers[city] for city in begun}


def first_of(group: BaseExceptionGroup[Exception]) -> str:
    """What went wrong first; the others mostly follow from it."""
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else str(error) or type(error).__name__


async def prove(url: str, patience: float) -> int:
    """The exit code: 0 when each call has its own answer."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # what is cut off at the end is no news
    there, answers, why = urlsplit(url), dict[str, str](), ""
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # no proxy leads to our own on loopback
    try:
        _, probe = await asyncio.open_connection(there.hostname, there.port)
    except (OSError, ValueError) as error:
        say("failed", f"{url} cannot be reached ({error}). Start the server: uv run server.py")
        return 1
    probe.close()
    try:
        async with asyncio.timeout(patience):
            answers = await two_calls(url)
    except* TimeoutError:
        why = f"not both calls were answered within {patience:g} s"
    except* (MCPError, ToolError) as group:
        why = f"the server refused ({first_of(group)})"
    except* (ValidationError, httpx2.HTTPError, OSError) as group:
        why = f"{url} does not answer like the server of this lesson ({first_of(group)})"
    for city, told in answers.items():
        say("answer", f"to the call for {city}: the forecast of {told}")
    wrong = [f"{city} was told of {told}" for city, told in answers.items() if told != city]
    if wrong:
        why = f"a wrong answer: {', '.join(wrong)}"
    if why:
        say("failed", why)
        return 1
    say("proven", "each call has its own answer")
    return 0
