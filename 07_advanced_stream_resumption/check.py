"""Grades the exercise from outside: sends a burst while nobody listens, and weighs what was kept of it."""

import plumbing.ctrl_c

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import JsonValue

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Stage
from proof import Notification

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for one server; only what hangs uses them up
COUNT = 2000
UNREADABLE = (BrokenError, httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError)
NOT_AN_EVENT = re.compile(rb"^(retry:|:).*\n", re.MULTILINE)
FEW, MANY = 50_000, 5_000_000


@dataclass
class Kept:
    """What a client gets that comes back after the burst."""

    status: int = 0  # the answer to the cursor from before the burst
    cursor: str | None = None  # that a refusal offers
    numbers: list[int] = field(default_factory=list[int])
    weights: list[int] = field(default_factory=list[int])  # bytes of each event on the wire


class Session:
    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self._headers = {"accept": "application/json, text/event-stream"}

    async def open(self) -> None:
        client: JsonValue = {"name": "check.py", "version": "1.0.0"}
        asked: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        response = await self._post("initialize", asked)
        self._headers["mcp-session-id"] = response.headers["mcp-session-id"]

    async def burst(self, count: int) -> None:
        """The server is told to run one burst at a time: so when it takes this one, the last one is over."""
        call: JsonValue = {"name": "send_burst", "arguments": {"count": count, "interval": 0}}
        while (await self._post("tools/call", call)).json()["result"]["isError"]:  # noqa: ASYNC110 (only the wire is ours)
            await asyncio.sleep(0.05)

    async def _post(self, method: str, params: JsonValue) -> httpx.Response:
        message: JsonValue = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = await self._http.post(self._url, json=message, headers=self._headers)
        return response.raise_for_status()

    @asynccontextmanager
    async def listening(self, cursor: str | None = None) -> AsyncGenerator[httpx.Response]:
        headers = self._headers | ({"last-event-id": cursor} if cursor else {})
        async with self._http.stream("GET", self._url, headers=headers) as response:
            yield response


async def events(response: httpx.Response) -> AsyncGenerator[bytes]:
    """Each event as it goes on the wire, with the empty line that ends it."""
    rest = b""
    async for some in response.aiter_bytes():
        rest += some
        *whole, rest = rest.split(b"\n\n")
        for event in whole:
            yield NOT_AN_EVENT.sub(b"", event + b"\n") + b"\n"


async def first_id(response: httpx.Response) -> str:
    async for event in events(response):
        if found := re.search(rb"^id: (.+)$", event, re.MULTILINE):
            return found[1].decode()
    raise BrokenError("The stream began without an event id.")


async def read_to_the_newest(response: httpx.Response, kept: Kept) -> None:
    response.raise_for_status()
    async for event in events(response):
        data = event.partition(b"\ndata: ")[2]
        told = Notification.model_validate_json(data).params.data
        kept.numbers.append(told.number)
        kept.weights.append(len(event))
        if json.loads(data)["params"]["data"]["of"] == 1:
            return
    raise BrokenError("The stream ended before the newest message.")


async def kept_with(max_bytes: int) -> Kept:
    kept = Kept()
    flags = ("--port", "0", "--max-bursts", "1", "--max-bytes", str(max_bytes))
    async with (
        asyncio.timeout(PATIENCE),
        STAGE.speaking("server", "server.py", *flags) as server,
        httpx.AsyncClient(timeout=PATIENCE) as http,
    ):
        session = Session(http, await server.address())
        await session.open()
        async with session.listening() as response:
            cursor = await first_id(response)
        await session.burst(COUNT)  # and nobody listens
        await session.burst(1)
        async with session.listening(cursor) as response:
            kept.status = response.status_code
            if kept.status == 200:
                await read_to_the_newest(response, kept)
                return kept
            kept.cursor = json.loads(await response.aread())["error"]["data"]["cursor"]
        async with session.listening(kept.cursor) as response:
            await read_to_the_newest(response, kept)
    return kept


async def grade() -> int:
    grade = Grade(STAGE)
    try:
        few, many = await kept_with(FEW), await kept_with(MANY)
    except UNREADABLE as error:
        grade.holds(
            False,
            "the server takes --max-bytes, and a client comes back to it",
            "Limits in sessions.py is where flags come from; the buffer has to be told. "
            f"What happened: {str(error) or 'it took too long.'}",
        )
        return grade.verdict()
    everything = [*range(1, COUNT + 1), 1]
    weight, heaviest = sum(few.weights), max(few.weights)
    grade.holds(
        few.status == 410 and few.cursor is not None,
        f"--max-bytes {FEW}: an id from before the burst gets 410, and a cursor",
        "What was evicted must be counted in `evicted`: from it comes the 410, and the cursor in it.",
    )
    grade.holds(
        weight <= FEW,
        f"what is kept weighs no more than {FEW:,} bytes ({weight:,})",
        "Weigh each event as it goes on the wire, id and all, and evict the oldest while they are too heavy.",
    )
    grade.holds(
        weight > FEW - 2 * heaviest,
        f"and nearly that much: one more would not fit ({weight:,})",
        "Count bytes, not events; and evict no more than you must.",
    )
    grade.holds(
        few.numbers == everything[-len(few.numbers) :],
        "what is kept is the newest, without a hole",
        "Evict the oldest first, and let places go on: an id never changes what it means.",
    )
    grade.holds(
        many.status == 200 and many.numbers == everything,
        f"--max-bytes {MANY}: everything is kept",
        "Does the limit that you are given reach the buffer?",
    )
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
