"""Grades the exercise from outside: what the new lie leaves out, and what the checker calls it."""

import plumbing.ctrl_c

import asyncio
import json
import re
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
from pydantic import JsonValue

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
LIE, VERDICT = "forget-the-last", "lost"
PATIENCE = 100.0  # seconds; only what hangs uses them up
COUNT, LONGER = 5, 9  # messages of a call, and of one that is surely over later
UNREADABLE = (BrokenError, httpx.HTTPError, TimeoutError, StopAsyncIteration, ValueError, KeyError, TypeError)
TOOL = ("--tool", "count", "--args", '{"count": 8, "interval": 0.1}')
QUICKLY = ("--fast-args", '{"count": 200, "interval": 0.01}', "--quiet", "0.5", "--patience", "2")


class Session:
    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self._headers = {"accept": "application/json, text/event-stream"}

    async def open(self) -> None:
        client: JsonValue = {"name": "check.py", "version": "1.0.0"}
        asked: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
        answer = await self._http.post(self._url, json=message, headers=self._headers)
        self._headers["mcp-session-id"] = answer.raise_for_status().headers["mcp-session-id"]

    async def call(self, count: int) -> AsyncGenerator[tuple[str, str]]:
        """The id of each event, and what it is: `1`, `2`, ... or `response`."""
        told: JsonValue = {"count": count, "interval": 0.1}
        asked: JsonValue = {"name": "count", "arguments": told, "_meta": {"progressToken": "check"}}
        message: JsonValue = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": asked}
        async for event in self._events("POST", json=message):
            yield event

    async def after(self, event_id: str) -> list[str]:
        return [what async for _, what in self._events("GET", last_event_id=event_id)]

    async def _events(
        self, method: str, *, json: JsonValue = None, last_event_id: str = ""
    ) -> AsyncGenerator[tuple[str, str]]:
        headers = self._headers | ({"last-event-id": last_event_id} if last_event_id else {})
        event_id = ""
        async with self._http.stream(method, self._url, headers=headers, json=json) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                event_id = value if name == "id" else event_id
                if name == "data" and value:
                    yield event_id, what_it_is(value)


def what_it_is(data: str) -> str:
    message = json.loads(data)
    return "response" if "result" in message else str(message["params"]["progress"])


async def on_the_wire(url: str) -> tuple[list[str], list[str]]:
    """What a call brings whose client stays, and what one brings whose client goes after two messages."""
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        session = Session(http, url)
        await session.open()
        came: list[str] = []
        cursor = ""
        stream = session.call(COUNT)
        while len(came) < 2:
            cursor, what = await anext(stream)
            came.append(what)
        await stream.aclose()
        stayed = [what async for _, what in session.call(LONGER)]  # after it the first call is over, too
        return stayed, came + await session.after(cursor)


async def checked(url: str, law: int) -> tuple[int, set[str]]:
    """The checker's exit code, and the names that it gives."""
    async with (
        asyncio.timeout(PATIENCE),
        STAGE.speaking("client", "client.py", url, *TOOL, *QUICKLY, "--law", str(law)) as client,
    ):
        code = await client.end()
        found = [re.match(r"law \d+, .*: (\S+)$", line) for line in client.lines]
        return code, {match[1] for match in found if match}


async def listed() -> str:
    """The verdict that the new lie deserves, by the liar's own list."""
    async with asyncio.timeout(PATIENCE), STAGE.speaking("server", "server.py", "--list") as server:
        await server.end()
        return next((line.split()[1] for line in server.lines if line.startswith(f"{LIE} ")), "")


async def grade() -> int:
    grade = Grade(STAGE)
    if not grade.holds(
        await listed() == VERDICT,
        f"there is a lie {LIE}, which deserves the verdict {VERDICT}",
        "Name it in liar/lies.py, with its verdict. `uv run server.py --list` shows it.",
    ):
        return grade.verdict()
    try:
        async with STAGE.speaking("server", "server.py", "--port", "0", "--lie", LIE) as server:
            url = await server.address()
            stayed, came_back = await on_the_wire(url)
            _, verdicts = await checked(url, 6)
        async with STAGE.speaking("server", "server.py", "--port", "0") as server:
            code, alarms = await checked(await server.address(), 2)
    except UNREADABLE as error:
        why = str(error) or "it took too long."
        grade.holds(False, "the liar and the honest server can be asked", f"What happened: {why}")
        return grade.verdict()
    progress = [str(number) for number in range(1, COUNT + 1)]
    grade.holds(
        stayed == [*map(str, range(1, LONGER + 1)), "response"],
        "a client that stays has everything, the response too",
        f"The lie is about what is stored, not about what is sent live. It got: {', '.join(stayed)}.",
    )
    grade.holds(
        came_back == progress,
        "a client that comes back has every message but the response",
        f"Only the response is forgotten, and the stream still ends. It got: {', '.join(came_back)}.",
    )
    grade.holds(
        VERDICT in verdicts,
        f"the checker calls it {VERDICT}",
        f"It said: {', '.join(sorted(verdicts)) or 'nothing'}.",
    )
    said = ", ".join(sorted(alarms)) or f"exit code {code}"
    grade.holds(
        code == 0,
        "the honest server still passes",
        f"Let the lie depend on `self.lie`. The checker said: {said}.",
    )
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
