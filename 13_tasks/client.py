"""Run it twice: the first run dies with its task at work, the second has the result of that same task.

live    a line of the log that was read as soon as it was written
missed  a line that was written while nobody listened
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import logging
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client import Client, ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    CallToolResult,
    ElicitRequestParams,
    ElicitResult,
    RequestParamsMeta,
    TextContent,
    TextResourceContents,
)
from pydantic import JsonValue

from client_side.death import STAGES, Death
from client_side.patient import Patient
from client_side.proof import Proof
from plumbing.say import say
from plumbing.switch import switch
from task_cache import TaskCache, UnusableError, forget, load
from waiting import PAUSE, SilentError, Waiting

TROUBLE = (MCPError, SilentError, OSError, httpx2.HTTPError, ValueError)
OLD, NEW = "2025-11-25", "2026-07-28"
CALL = "com.example/call"  # ours: a server that knows it begins nothing twice


class Caller:
    def __init__(self, flags: argparse.Namespace) -> None:
        self.flags, self.death = flags, Death(flags.die_at)
        self.proof = Proof(flags.steps)
        self.news = asyncio.Event()
        self.arguments: dict[str, JsonValue] = {
            "project": flags.project,
            "steps": flags.steps,
            "interval": flags.interval,
            "approval": flags.approval,
        }

    @asynccontextmanager
    async def connected(self, url: str, waiting: Waiting | None) -> AsyncGenerator[Client]:
        headers = {"authorization": f"Bearer {self.flags.token}"} if self.flags.token else {}
        transport = Patient(lambda method: self.death.at("sent") if method == "tools/call" else None)
        async with (
            httpx2.AsyncClient(transport=transport, headers=headers, timeout=30) as http,
            Client(
                streamable_http_client(url, http_client=http),
                mode="legacy" if self.flags.era == OLD else NEW,
                extensions=[waiting] if waiting else None,
                elicitation_callback=self.asked,
                cache=None,
            ) as client,
        ):
            yield client

    async def by_task(self, url: str) -> CallToolResult:
        """The result of the task in the cache, or of a new call."""
        cache, afresh = self.find_cache(), False
        file: Path = self.flags.cache
        while True:
            self.proof.before = cache.cursor
            waiting = Waiting(cache, file, self.show, self.death, self.flags.patience)
            waiting.answers = 2 if self.flags.twice else 1
            self.death.at("connecting")
            async with self.connected(url, waiting) as client:
                cache.save(file)  # before the call is sent: with the same name it is the same task
                self.death.at("noted")
                try:
                    if cache.task_id:
                        return await waiting.wait(client.session)
                    say("call", f"build_project, {self.flags.steps} steps, by MCP {client.protocol_version}")
                    meta: RequestParamsMeta = {CALL: cache.call}  # type: ignore[typeddict-unknown-key]
                    return await client.call_tool("build_project", self.arguments, meta=meta)
                except MCPError as error:
                    if error.code == CONNECTION_CLOSED and not cache.task_id:
                        say("lost", f"{error.message}; the call is sent again, with the same name")
                        await asyncio.sleep(PAUSE)
                        continue
                    if error.code != INVALID_PARAMS or not cache.task_id:
                        raise
                    say("refused", error.message)
                    forget(file)
                    if afresh:
                        raise
                say("afresh", "a new call: what the server has done, it does again")
                afresh = True
                cache = TaskCache(url=self.flags.url, arguments=self.arguments)
                self.proof = Proof(self.flags.steps)

    def find_cache(self) -> TaskCache:
        try:
            cache = load(self.flags.cache, self.flags.url)
        except UnusableError as why:
            say("afresh", f"{why}: a new call. If there was a task, it is not waited for")
            cache = None
        if cache is None:
            return TaskCache(url=self.flags.url, arguments=self.arguments)
        self.death.stage = "never"  # one run dies, and the next one does not
        self.arguments, self.proof.steps = cache.arguments, int(str(cache.arguments["steps"]))
        where = f"task {cache.task_id:.8}..." if cache.task_id else "a call whose handle has not come"
        say("resuming", f"{where}, from {self.flags.cache.name}")
        return cache

    async def by_stream(self, url: str) -> CallToolResult | None:
        """Without a task: the answer comes on the connection of the call, or on the one that resumes it."""
        async with self.connected(url, None) as client:
            say("call", f"build_project, {self.flags.steps} steps, by MCP {client.protocol_version}")
            try:
                return await client.call_tool(
                    "build_project", self.arguments, progress_callback=self.progressed
                )
            except MCPError as error:
                if error.code != CONNECTION_CLOSED:
                    raise
                say("lost", f"the answer ({error.message})")
            if self.flags.era == NEW:
                await self.look_for_the_run(client)
        return None

    async def look_for_the_run(self, client: Client) -> None:
        """What has become of the work that nobody can ask for any more."""
        state = "at work"
        while state == "at work" and self.proof.runs:
            await asyncio.sleep(PAUSE)
            (told,) = (await client.read_resource(f"build://runs/{self.proof.runs[-1]}")).contents
            state = told.text if isinstance(told, TextResourceContents) else ""
        done = self.proof.numbers[-1] if self.proof.numbers else 0
        say(
            "ended",
            f"the server says: {state} after step {done}. The work is gone",
        )

    async def progressed(self, progress: float, total: float | None, message: str | None) -> None:
        self.show(message or "", False)

    def show(self, line: str, missed: bool) -> None:
        self.proof.show(line, missed)
        self.news.set()

    async def asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        say("question", params.message)
        approve = self.flags.answer == "yes"
        say("answer", self.flags.answer)
        return ElicitResult(action="accept", content={"approve": approve})

    async def run(self) -> CallToolResult | None:
        ask = self.by_stream if self.flags.without_task or self.flags.era == OLD else self.by_task
        if not self.flags.cut_after:
            return await ask(self.flags.url)
        async with switch(self.flags.url, say) as (own, url):

            async def cut() -> None:
                for after in self.flags.cut_after:
                    while len(self.proof.numbers) < after:
                        self.news.clear()
                        await self.news.wait()
                    own.cut(standing=True)
                    say("severed", f"every connection, after line {after}")

            cutting = asyncio.create_task(cut())
            try:
                return await ask(url)
            finally:
                cutting.cancel()


async def main(flags: argparse.Namespace) -> int:
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # of what a cut does to a call we speak ourselves
    if flags.reset:
        forget(flags.cache)
        say("forgotten", f"{flags.cache}: the next run makes a new call")
        return 0
    caller = Caller(flags)
    try:
        url: str = flags.url
        there = urlsplit(url)
        _, writer = await asyncio.open_connection(there.hostname, there.port or 80)
        writer.close()
        result = await caller.run()
    except OSError as error:
        say(
            "failed", f"{flags.url} cannot be reached ({error.strerror or error}): uv run server.py starts it"
        )
        return 1
    except BaseExceptionGroup as group:
        expected, others = group.split(TROUBLE)
        if others or not expected:
            raise
        say("failed", first_of(expected))
        return 1
    except (MCPError, SilentError) as error:
        say("failed", str(error))
        return 1
    if result is None:
        say("failed", "the answer has not come")
        return 1
    caller.death.at("completed")
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    if result.is_error:
        forget(flags.cache)
        say("failed", text)
        return 1
    say("result", text)
    caller.death.at("shown")
    forget(flags.cache)
    if text.endswith("not published"):
        return 0
    if wrong := caller.proof.verdict:
        say("failed", wrong)
        return 1
    proof = caller.proof
    what = {0: "the result", 1: f"line {proof.steps}"}.get(
        proof.steps - proof.before, f"lines {proof.before + 1} to {proof.steps}"
    )
    say("proven", f"{what}, each once and in order; {proof.missed} were written while nobody listened")
    return 0


def first_of(group: BaseExceptionGroup[Exception]) -> str:
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else str(error) or type(error).__name__


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Calls a tool, dies, and has the result in its next life.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000/mcp", help="default: %(default)s")
    add("--era", choices=(OLD, NEW), default=NEW, help="default: %(default)s")
    add("--without-task", action="store_true", help="do not declare that we know tasks")
    add("--project", default="demo", help="what is built (default: %(default)s)")
    add("--steps", type=int, default=8, help="of the build (default: %(default)s)")
    add("--interval", type=float, default=0.3, help="seconds that a step takes (default: %(default)s)")
    add("--approval", action="store_true", help="have it ask before the last step")
    add("--twice", action="store_true", help="send the answer twice")
    add("--answer", choices=("yes", "no"), default="yes", help="to the question (default: %(default)s)")
    add("--cut-after", type=int, action="append", default=[], metavar="N", help="cut after line N")
    add("--die-at", choices=(*STAGES, "never"), default="called", help="where a first run dies")
    add("--cache", type=Path, default=Path(".task_cache"), help="default: %(default)s")
    add("--reset", action="store_true", help="forget the task in the cache")
    add("--token", help="a bearer token, to sign in with")
    add("--patience", type=float, default=90.0, help="seconds without news after which it gives up")
    flags = parser.parse_args()
    if flags.steps < 1 or flags.interval < 0 or flags.patience <= 0:
        parser.error("nothing of this is negative, and one step is the least")
    if not re.match("http://[^/]", flags.url):
        parser.error(f"{flags.url} is not a URL such as http://127.0.0.1:8000/mcp")
    return flags


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
