"""Grades the exercise from outside: is the program run, and once? Does each of its lines come over a cut?"""

import plumbing.ctrl_c

import asyncio
import json
import re
import secrets
import shlex
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from httpx_sse import aconnect_sse
from pydantic import JsonValue

from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Speaker, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for one server; only what hangs uses them up
LINES = 24
PROGRAM = """
import pathlib, sys, time
with pathlib.Path(sys.argv[1]).open("a") as runs:
    runs.write("run\\n")
for number in range(1, int(sys.argv[2]) + 1):
    print(f"{sys.argv[3]} {number}", flush=True)
    time.sleep(0.25)
sys.exit(int(sys.argv[4]))
"""
BOTH = {"accept": "application/json, text/event-stream"}
UNREADABLE = (BrokenError, httpx.HTTPError, TimeoutError, ValueError, KeyError)
HINT = "Limits in sessions.py is where flags come from; Build.run in builds/build.py makes up the steps."


@asynccontextmanager
async def served(*command: str) -> AsyncGenerator[tuple[Speaker, str]]:
    flags = ("--port", "0", "--retry", "200", "--command", shlex.join(command))
    async with asyncio.timeout(PATIENCE), STAGE.speaking("server", "server.py", *flags) as server:
        yield server, await server.address()


def program(folder: Path, word: str, lines: int, code: int) -> tuple[str, ...]:
    file = folder / "program.py"
    file.write_text(PROGRAM, encoding="utf-8")
    runs = folder / "runs"
    return Path(sys.executable).as_posix(), file.as_posix(), runs.as_posix(), str(lines), word, str(code)


async def over_a_cut(url: str) -> tuple[int, list[str]]:
    """The exit code of the lesson's client, and what it says."""
    to = re.findall(r":(\d+)/", url)[0]
    script = ("--listen", "0", "--page", "0", "--to", to, "--script", "2.5 cut, 3.7 restore")
    async with STAGE.speaking("network", "network.py", *script) as network:
        flags = ("--url", await network.address(), "--steps", str(LINES), "--patience", "20")
        async with STAGE.speaking("client", "client.py", *flags, "--longest-wait", "0.3") as client:
            return await client.end(), client.lines


async def answer(url: str) -> JsonValue:
    """What a call is answered with."""
    async with httpx.AsyncClient(timeout=PATIENCE) as http:
        client: JsonValue = {"name": "check.py", "version": "1.0.0"}
        asked: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        opened = await http.post(url, headers=BOTH, json=request("initialize", asked))
        headers = BOTH | {"mcp-session-id": opened.raise_for_status().headers["mcp-session-id"]}
        call = request("tools/call", {"name": "build_project", "arguments": {"steps": 2, "seconds": 0.1}})
        async with aconnect_sse(http, "POST", url, headers=headers, json=call) as source:
            if not source.response.headers["content-type"].startswith("text/event-stream"):
                return json.loads(await source.response.aread())
            async for event in source.aiter_sse():
                if event.data and "id" in (message := json.loads(event.data)):
                    return message
    raise BrokenError("The stream ended without an answer.")


def request(method: str, params: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


async def grade_what_comes(grade: Grade, folder: Path) -> None:
    word = secrets.token_hex(4)
    async with served(*program(folder, word, LINES, 0)) as (_, url):
        grade.holds(True, "the server takes --command", HINT)
        code, said = await over_a_cut(url)
    proven = [line for line in said if line.startswith("proven")]
    grade.holds(
        code == 0 and bool(proven),
        "the network is cut, and the client has each step, once and in order",
        f"The client said: {said[-1] if said else 'nothing'}",
    )
    came = [int(number) for line in said for number in re.findall(rf"\b{word} (\d+)$", line)]
    grade.holds(
        came == list(range(1, LINES + 1)),
        "the steps are the lines of the program",
        f"Of its {LINES} lines {len(came)} came. {HINT}",
    )
    runs = folder / "runs"
    times = len(runs.read_text(encoding="utf-8").splitlines()) if runs.exists() else 0
    grade.holds(times == 1, "the program was run once", f"It was run {times} times.")


async def grade_failure(grade: Grade, what: str, command: tuple[str, ...]) -> None:
    async with served(*command) as (server, url):
        told = await answer(url)
        is_calm = not any("Traceback" in line for line in server.lines)
    match told:
        case {"error": _} | {"result": {"isError": True}}:
            aloud = True
        case _:
            aloud = False
    hint = "Answer with isError: true and say why; after that the stream ends, and the server goes on."
    grade.holds(aloud and is_calm, f"{what} is said aloud", hint)


async def grade() -> int:
    grade = Grade(STAGE)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        try:
            await grade_what_comes(grade, folder)
            await grade_failure(grade, "a program that fails", program(folder, "word", 2, 3))
            await grade_failure(grade, "a program that is not there", ("no-such-program",))
        except UNREADABLE as error:
            what = str(error) or "It took too long."
            grade.holds(False, "the server takes --command, and answers a call", f"{HINT} {what}")
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
