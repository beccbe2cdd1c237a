"""The work: a tool is called for each task, and again when its worker has died, or its answer has come.

take   tasks at work that nobody works on; this process works on them until it says no more that it does
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable

from mcp import MCPError
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, InputRequiredResult, TextContent
from pydantic import JsonValue

from journal import OnTask, StoppedError, current
from keeping.limits import Limits
from news import Look
from task import StoreError, Task, UnknownTaskError
from task_store import TaskStore, change

log = logging.getLogger("server")
CallTool = Callable[[str, dict[str, JsonValue]], Awaitable[CallToolResult | InputRequiredResult]]


class Work:
    def __init__(self, store: TaskStore, limits: Limits, max_running: int, look: float) -> None:
        self._store, self._limits = store, limits
        self._max_running, self._look = max_running, look
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self.more = Look()  # there is something to take

    @contextlib.asynccontextmanager
    async def running(self, call_tool: CallTool) -> AsyncGenerator[None]:
        """Until the server ends. What is at work then stays in the store, and is taken up again."""
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take_for_ever(group, call_tool))
            try:
                yield
            finally:
                for task in (taking, *self._at_work.values()):
                    task.cancel()

    async def _take_for_ever(self, group: asyncio.TaskGroup, call_tool: CallTool) -> None:
        while True:
            with contextlib.suppress(StoreError):  # who asks is told; here it is tried again
                await self._store.purge()
                await self._store.renew(list(self._at_work))
                for task in await self._store.take(self._max_running - len(self._at_work)):
                    if task.id not in self._at_work:
                        self._at_work[task.id] = group.create_task(self._do(task, call_tool))
            await self.more.wait(self._look)

    async def _do(self, task: Task, call_tool: CallTool) -> None:
        goes_on = task.steps or task.answers
        log.info("task %.8s: %s", task.id, f"goes on after step {task.steps}" if goes_on else "begins")
        current.set(OnTask(self._store, task, self._limits))
        try:
            result = await call_tool(task.tool, task.arguments)
            outcome = result.model_dump(by_alias=True, mode="json", exclude_none=True)
            await self._end(task, "completed", outcome)
        except StoppedError:
            log.info("task %.8s: rests", task.id)
        except MCPError as error:  # only these make a task fail
            await self._end(task, "failed", error.error.model_dump(mode="json", exclude_none=True))
        except ToolError as error:
            if isinstance(error, UnexpectedToolError):
                log.exception("task %.8s: its tool has a fault", task.id)
            await self._end(task, "completed", tool_error(str(error)))
        finally:
            self._at_work.pop(task.id, None)
            self.more.tell()

    async def _end(self, task: Task, status: str, outcome: JsonValue) -> None:
        size = len(str(outcome).encode())
        if status == "completed" and task.size + size > self._limits.max_bytes:
            outcome = tool_error(
                f"The result is too large: a task keeps {self._limits.max_bytes} bytes (--max-bytes)."
            )
        how = "failed" if status == "failed" else "completed"
        with contextlib.suppress(UnknownTaskError, StoreError):  # it has expired, or is taken again
            _, ended = await change(self._store, task.id, lambda now: now.end(how, outcome))
            if ended:
                log.info("task %.8s: %s", task.id, how)


def tool_error(text: str) -> JsonValue:
    result = CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)
