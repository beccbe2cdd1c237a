"""The extension `io.modelcontextprotocol/tasks`: a call is answered by a handle, and that by the result.

declare    a client says in each request that it knows tasks; without that it is given no handle
principal  who has signed in; a task belongs to the one who began it
"""

import logging
from collections.abc import Sequence
from typing import Any

from mcp import MCPError
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver.server import require_client_extension
from mcp.types import INVALID_PARAMS, CallToolRequestParams, InputResponses, RequestParams
from pydantic import Field, JsonValue, TypeAdapter

from journal import MODERN, TASKS
from keeping.limits import Limits
from task import FullError, Task, UnknownTaskError
from task_store import TaskStore, change, found
from work import Work

log = logging.getLogger("server")
FULL = -32010  # one of the codes that the specification leaves to servers
CALL = "com.example/call"  # ours, not the specification's: a client's own name of its call
UNKNOWN = "There is no such task: it was never given out, has expired, or is not yours."
Ctx = ServerRequestContext[Any, Any]
ANSWERS: TypeAdapter[InputResponses] = TypeAdapter(InputResponses)


class TaskParams(RequestParams):
    task_id: str = Field(max_length=200)


class UpdateParams(TaskParams):
    input_responses: InputResponses


class Tasks(Extension):
    identifier = TASKS

    def __init__(
        self, tools: Sequence[str], store: TaskStore, work: Work, limits: Limits, ttl: float, poll: int
    ) -> None:
        self._tools, self._store, self._work, self._limits = frozenset(tools), store, work, limits
        self._ttl, self.poll = ttl, poll

    def methods(self) -> Sequence[MethodBinding]:
        only = frozenset({MODERN})
        return (
            MethodBinding("tasks/get", TaskParams, self.get, only),
            MethodBinding("tasks/update", UpdateParams, self.update, only),
            MethodBinding("tasks/cancel", TaskParams, self.cancel, only),
        )

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Ctx, call_next: CallNext
    ) -> HandlerResult:
        """The server alone decides what becomes a task, but only for a client that declares it."""
        if params.name not in self._tools or not declares(ctx):
            return await call_next(ctx)
        call = (ctx.meta or {}).get(CALL, "")
        if not isinstance(call, str) or len(call) > 200:
            raise MCPError(INVALID_PARAMS, f"{CALL} is a name of at most 200 characters.")
        task = Task.begin(params.name, params.arguments or {}, self._ttl, principal(), call)
        try:
            kept = await self._store.add(task)  # before the handle goes out: `tasks/get` finds it (law 1)
        except FullError as full:
            raise MCPError(FULL, str(full)) from None
        if kept.id == task.id:
            log.info("task %.8s: kept", task.id)
        self._work.more.tell()
        seed = kept.told(self.poll)
        for outcome in ("result", "error", "inputRequests"):
            seed.pop(outcome, None)
        return {"resultType": "task"} | seed

    async def get(self, ctx: Ctx, params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, TASKS)
        return {"resultType": "complete"} | (await self.of(params.task_id)).told(self.poll)

    async def update(self, ctx: Ctx, params: UpdateParams) -> HandlerResult:
        """What is not outstanding is ignored: an answer that comes twice counts once."""
        require_client_extension(ctx, TASKS)
        await self.of(params.task_id)
        answers: dict[str, JsonValue] = ANSWERS.dump_python(
            params.input_responses, mode="json", by_alias=True, exclude_none=True
        )
        try:
            most = self._limits.max_bytes
            await change(self._store, params.task_id, lambda task: task.answer(answers, most))
        except FullError as full:
            raise MCPError(FULL, str(full)) from None
        self._work.more.tell()
        return {"resultType": "complete"}

    async def cancel(self, ctx: Ctx, params: TaskParams) -> HandlerResult:
        """Cooperative: the tool hears of it at its next step."""
        require_client_extension(ctx, TASKS)
        await self.of(params.task_id)
        await change(self._store, params.task_id, lambda task: task.end("cancelled"))
        return {"resultType": "complete"}

    async def of(self, task_id: str) -> Task:
        """A task of the one who asks."""
        try:
            return await found(self._store, task_id, principal())
        except UnknownTaskError:
            raise MCPError(INVALID_PARAMS, UNKNOWN) from None


def declares(ctx: Ctx) -> bool:
    declared = ctx.session.client_capabilities
    return ctx.protocol_version == MODERN and bool(declared and TASKS in (declared.extensions or {}))


def principal() -> str:
    """Not the token, which may be another one tomorrow."""
    token = get_access_token()
    return " ".join(part or "-" for part in principal_components(token)) if token else ""
