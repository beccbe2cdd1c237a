"""The client's half of tasks: with it `await client.call_tool(...)` simply waits, over cuts and restarts.

claim  the SDK's client hands us each result of type `task`, and waits until we give it the real one
poll   ask with `tasks/get` how the task is, no sooner than the server says
look   what a listener hears: the log has grown; what it says is read after the cursor
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from mcp import MCPError
from mcp.client import ClientRequestContext, ClientSession
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.subscriptions import SubscriptionLost, listen
from mcp.types import CONNECTION_CLOSED, CallToolResult, EmptyResult, ErrorData, TextResourceContents

from client_side.death import Death
from client_side.messages import GetTask, Handle, Task, TaskParams, UpdateParams, UpdateTask
from plumbing.say import say
from task_cache import TaskCache

PAUSE = 0.25  # seconds until a lost request is sent again
T = TypeVar("T")


class SilentError(Exception):
    """Nothing has come for as long as we are willing to wait."""


class Waiting(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def __init__(
        self, cache: TaskCache, file: Path, show: Callable[[str, bool], None], death: Death, patience: float
    ) -> None:
        self.cache, self._file, self._show, self._death = cache, file, show, death
        self._patience = patience
        self._heard = time.monotonic()
        self._reading = asyncio.Lock()
        self._listens = True
        self._was_away = cache.task_id is not None
        self.answers = 1  # how often each is sent: twice counts once

    def claims(self) -> Sequence[ResultClaim[Handle]]:
        return (ResultClaim(result_type="task", model=Handle, resolve=self._claimed),)

    async def _claimed(self, handle: Handle, ctx: ClaimContext) -> CallToolResult:
        self._death.at("handle")
        self.cache.task_id = handle.task_id
        self.cache.save(self._file)  # before anything else: whoever dies now leaves the handle behind
        say("task", f"{handle.task_id:.8}...: the handle is in {self._file.name}")
        self._death.at("called")
        return await self.wait(ctx.session)

    async def wait(self, session: ClientSession) -> CallToolResult:
        """The result of the task in the cache, whoever began it."""
        listening = asyncio.create_task(self._listen(session))
        try:
            return await self._poll(session)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening

    async def _poll(self, session: ClientSession) -> CallToolResult:
        asked = GetTask(params=TaskParams(task_id=self.cache.task_id or ""))
        before = ""
        while True:
            task = await self._patiently(lambda: session.send_request(asked, Task))
            self._death.at("polled")
            if task.last_updated_at != before:
                before, self._heard = task.last_updated_at, time.monotonic()
            self._check_patience()
            if task.status == "input_required":
                await self._answer(session, task)
            elif task.status != "working":
                await self._read(session)  # the lines that nobody has looked for yet
                return outcome(task)
            if not self._listens:
                await self._read(session)
            await asyncio.sleep(task.poll_interval_ms / 1000)

    async def _listen(self, session: ClientSession) -> None:
        """Listen first, and read then: what comes in between is heard of, or read (law 3)."""
        lost = False
        while True:
            try:
                log = f"build://{self.cache.task_id}/log"
                async with listen(session, resource_subscriptions=[log]) as looks:
                    lost = False
                    await self._read(session)
                    async for _ in looks:
                        await self._read(session)
                    return  # nothing follows
            except (SubscriptionLost, MCPError) as error:
                if isinstance(error, MCPError) and error.code != CONNECTION_CLOSED:
                    self._listens = False  # the server does not offer it
                    return
                if not lost:
                    say("lost", "the stream that says look; listening again")
                lost = self._was_away = True
                await asyncio.sleep(PAUSE)

    async def _read(self, session: ClientSession) -> None:
        """The log after the cursor. The cursor moves when a line was shown (law 2)."""
        async with self._reading:
            more = True
            while more:
                uri = f"build://{self.cache.task_id}/log/{self.cache.cursor}"
                (page,) = (await self._patiently(lambda uri=uri: session.read_resource(uri))).contents
                if not isinstance(page, TextResourceContents):
                    raise ValueError("the log is not text")
                told = json.loads(page.text)
                for line in told["lines"]:
                    self._show(line, self._was_away)
                    self.cache.cursor += 1
                    self.cache.save(self._file)
                    self._death.at("progress")
                more = self.cache.cursor < told["last"]
            self._was_away = False

    async def _answer(self, session: ClientSession, task: Task) -> None:
        """The same question comes with each poll: it is shown and answered once."""
        for key, question in (task.input_requests or {}).items():
            if key in self.cache.answered:
                continue
            self._death.at("asked")
            ctx = ClientRequestContext(session=session, request_id=key, meta=None)
            answer = await session.dispatch_input_request(ctx, question)
            if isinstance(answer, ErrorData):
                raise MCPError.from_error_data(answer)
            asked = UpdateTask(params=UpdateParams(task_id=task.task_id, input_responses={key: answer}))
            for _ in range(self.answers):
                await self._patiently(lambda asked=asked: session.send_request(asked, EmptyResult))
            self._death.at("updated")  # it is sent again then, and counts once
            self.cache.answered.append(key)
            self.cache.save(self._file)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again while the connection is lost: all that we ask may be asked twice."""
        lost = False
        while True:
            try:
                answer = await ask()
            except MCPError as error:
                if error.code != CONNECTION_CLOSED:
                    raise
                self._check_patience()
                if not lost:
                    say("lost", f"{error.message}; asking again")
                lost = True
                await asyncio.sleep(PAUSE)
            else:
                return answer

    def _check_patience(self) -> None:
        if time.monotonic() - self._heard > self._patience:
            raise SilentError(f"nothing has come for {self._patience:g} s; {self._file.name} is kept")


def outcome(task: Task) -> CallToolResult:
    if task.status == "completed" and task.result:
        return task.result
    raise MCPError.from_error_data(task.error or ErrorData(code=0, message=f"the task was {task.status}"))
