"""Grades the exercise from outside: what is too old is refused, and what is young is kept."""

import plumbing.ctrl_c

import asyncio
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from pydantic import JsonValue

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for one server; only what hangs uses them up
BOTH = {"accept": "application/json, text/event-stream"}
UNREADABLE = (BrokenError, httpx2.HTTPError, TimeoutError, ValueError, KeyError, IndexError)


@asynccontextmanager
async def serving(max_age: float) -> AsyncGenerator[Speaker]:
    flags = ("--port", "0", "--retry", "500", "--max-age", str(max_age))
    async with asyncio.timeout(PATIENCE), STAGE.speaking("server", "server.py", *flags) as server:
        yield server


async def resumed(max_age: float, wait: float) -> tuple[int, str]:
    """The answer to a client that comes back, `wait` seconds after its call has ended."""
    async with serving(max_age) as server, httpx2.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        url = await server.address()
        client: JsonValue = {"name": "check.py", "version": "1.0.0"}
        asked: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        opened = await http.post(url, json=request("initialize", asked), headers=BOTH)
        session_id = opened.raise_for_status().headers["mcp-session-id"]
        headers = BOTH | {"mcp-session-id": session_id, "mcp-protocol-version": "2025-11-25"}
        ready: JsonValue = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.post(url, json=ready, headers=headers)
        arguments: JsonValue = {"count": 3, "interval": 0, "caller": "check"}
        call: JsonValue = {"name": "start-notification-stream", "arguments": arguments}
        called = await http.post(url, json=request("tools/call", call), headers=headers)
        priming = re.findall(r"^id: (\S+)", called.text, re.MULTILINE)[0]
        await asyncio.sleep(wait)  # it is the age that is tested
        answer = await http.get(url, headers=headers | {"last-event-id": priming})
        return answer.status_code, answer.text


def request(method: str, params: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}


async def proven(max_age: float) -> tuple[bool, bool]:
    """Whether the lesson's client has all, and whether it was refused with 410."""
    async with serving(max_age) as server:
        flags = ("--url", await server.address(), "--callers", "1")
        async with STAGE.speaking("client", "client.py", *flags) as client:
            code = await client.end()
        refused = any("refused with 410" in line for line in server.lines)
    return code == 0, refused


async def grade_age(grade: Grade) -> None:
    status, text = await resumed(60, 0)
    numbers = [int(number) for number in re.findall(r'"number":(\d+)', text)]
    grade.holds(
        status == 200 and numbers == [1, 2, 3],
        "--max-age 60: a call that has just ended is replayed whole",
        f"The answer was {status}, with {numbers}. Only what is older than the limit may go.",
    )
    has_all, _ = await proven(60)
    grade.holds(has_all, "--max-age 60: the client proves that nothing was lost", "Run client.py yourself.")
    has_all, refused = await proven(0.2)
    grade.holds(
        refused and not has_all,
        "--max-age 0.2: a client that was away for half a second is refused with 410",
        "What is evicted must be counted in `evicted`: `find` and the 410 depend on it.",
    )
    status, _ = await resumed(1, 2)
    grade.holds(
        status == 410,
        "--max-age 1: the same after two seconds in which nothing happened",
        f"The answer was {status}. Nothing was recorded, so who has looked for what is old? "
        "A timer is not needed.",
    )


async def grade() -> int:
    grade = Grade(STAGE)
    try:
        await grade_age(grade)
    except UNREADABLE as error:
        what = str(error) or "It took too long."
        hint = (
            "Settings in server_side/settings.py is where flags come from; door.py makes the SessionStreams, "
            "and that makes the buffer."
        )
        grade.holds(False, "the server takes --max-age, and answers", f"{hint} {what}")
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
