"""Where a tool notes its steps and asks its questions. The tool does not know who reads them, or when.

On the call's own stream it is heard by whoever is connected. In a task it is kept: the tool may die after any
step, and is called again, in another process if need be. Then `done` says where it goes on.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.server import require_client_extension
from mcp.types import ElicitRequest, ElicitRequestFormParams, ElicitResult
from pydantic import BaseModel, JsonValue

from keeping.limits import Limits
from task import FullError, StoreError, Task, UnknownTaskError
from task_store import TaskStore, change

TASKS = "io.modelcontextprotocol/tasks"
MODERN = "2026-07-28"


class StoppedError(BaseException):
    """The tool ends here, for now or for good: it waits for an answer, is cancelled, or is done elsewhere."""


class Approval(BaseModel):
    approve: bool


class Journal(Protocol):
    done: int

    async def note(self, step: int, of: int, line: str) -> None: ...

    async def ask(self, key: str, question: str) -> bool: ...


class OnTask:
    """Kept, then told (law 1)."""

    def __init__(self, store: TaskStore, task: Task, limits: Limits) -> None:
        self._store, self._task_id, self._limits = store, task.id, limits
        self.done = task.steps

    async def _change(self, how: Callable[[Task], bool], line: str | None = None) -> tuple[Task, bool]:
        try:
            return await change(self._store, self._task_id, how, line)
        except FullError as full:
            raise ToolError(str(full)) from None
        except (UnknownTaskError, StoreError):
            raise StoppedError from None  # it has expired, or somebody takes it when the store is back

    async def note(self, step: int, of: int, line: str) -> None:
        """The step and its line in one transaction: who finds the line need not do the step again."""
        text = f"{step} of {of}, {line}"
        most = self._limits.max_lines, self._limits.max_bytes
        _, noted = await self._change(lambda task: task.note(step, text, *most), text)
        if not noted:
            raise StoppedError
        self.done = step

    async def ask(self, key: str, question: str) -> bool:
        """A task that waits costs a row, and no tool: this ends it, and the answer calls it again."""
        asked = wire_question(question)
        task, waits = await self._change(lambda task: task.ask(key, asked, self._limits.max_bytes))
        if waits or task.status != "working":
            raise StoppedError
        answer = ElicitResult.model_validate(task.answers[key])
        return answer.action == "accept" and bool((answer.content or {}).get("approve"))


class OnStream:
    """Told to whoever is connected, and to nobody else."""

    done = 0

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    async def note(self, step: int, of: int, line: str) -> None:
        await self._ctx.report_progress(step, of, f"{step} of {of}, {line}")

    async def ask(self, key: str, question: str) -> bool:
        answer = await self._ctx.elicit(question, Approval)
        return answer.action == "accept" and answer.data.approve


current: ContextVar[Journal] = ContextVar("current")  # `work.py` sets it where it calls a tool for a task


def journal_of(ctx: Context, *, asks: bool) -> Journal:
    """The journal of this call. In the new era only a task can ask in the middle of its work."""
    if (journal := current.get(None)) is not None:
        return journal
    if asks and ctx.protocol_version == MODERN:
        require_client_extension(ctx.request_context, TASKS)
    return OnStream(ctx)


def wire_question(question: str) -> JsonValue:
    params = ElicitRequestFormParams(message=question, requested_schema=Approval.model_json_schema())
    return ElicitRequest(params=params).model_dump(by_alias=True, mode="json", exclude_none=True)
