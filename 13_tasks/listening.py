"""`subscriptions/listen` for tasks and their logs. It says *look*, and keeps nothing for who was away.

There are no event ids any more. Who was cut off listens first, and then reads after its cursor (law 3).
"""

import re
from typing import Any, Literal

from mcp import MCPError
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.server import require_client_extension
from mcp.server.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Notification,
    ResourceUpdatedNotification,
    ResourceUpdatedNotificationParams,
    SubscriptionFilter,
    SubscriptionsAcknowledgedNotification,
    SubscriptionsAcknowledgedNotificationParams,
)
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from journal import TASKS
from task import StoreError, UnknownTaskError
from task_store import TaskStore, found
from tasks import FULL, Tasks, principal

LOG_OF = re.compile(r"build://([0-9a-f]{32})/log")
Ctx = ServerRequestContext[Any, Any]


class Wanted(BaseModel):
    model_config = ConfigDict(extra="ignore")

    task_ids: list[str] = Field(alias="taskIds", default=[], max_length=1000)
    uris: list[str] = Field(alias="resourceSubscriptions", default=[], max_length=1000)


class Asked(BaseModel):
    notifications: Wanted


class TaskNotification(Notification[dict[str, JsonValue], Literal["notifications/tasks"]]):
    method: Literal["notifications/tasks"] = "notifications/tasks"
    params: dict[str, JsonValue]


class Listening:
    """Stands before the SDK's own `subscriptions/listen`, which knows nothing of tasks."""

    def __init__(self, tasks: Tasks, store: TaskStore, max_listeners: int) -> None:
        self._tasks, self._store = tasks, store
        self._free = max_listeners

    async def __call__(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        try:
            return await self._answer(ctx, call_next)
        except StoreError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from None

    async def _answer(self, ctx: Ctx, call_next: CallNext) -> HandlerResult:
        if ctx.method != "subscriptions/listen" or ctx.request_id is None:
            return await call_next(ctx)
        try:
            wanted = Asked.model_validate(ctx.params or {}).notifications
        except ValidationError:
            raise MCPError(INVALID_PARAMS, "Say in `notifications` what you want to hear of.") from None
        logs = {match[1]: uri for uri in wanted.uris if (match := LOG_OF.fullmatch(uri))}
        if wanted.task_ids:
            require_client_extension(ctx, TASKS)
        if not wanted.task_ids and not logs:
            return await call_next(ctx)
        if not self._free:
            raise MCPError(FULL, "As many listen as may (--max-listeners): poll with tasks/get.")
        self._free -= 1
        try:
            return await self._listen(ctx, wanted.task_ids, logs)
        finally:
            self._free += 1

    async def _listen(self, ctx: Ctx, task_ids: list[str], logs: dict[str, str]) -> HandlerResult:
        meta: dict[str, Any] = {SUBSCRIPTION_ID_META_KEY: ctx.request_id}
        watched = {task_id: -1 for task_id in [*task_ids, *logs] if await self._version(task_id) is not None}
        with self._store.watch(*watched) as news:  # before it is agreed to, so that no news falls between
            versions = {task_id: await self._version(task_id) for task_id in watched}
            agreed = {
                "taskIds": [task_id for task_id in task_ids if task_id in watched],
                "resourceSubscriptions": [uri for task_id, uri in logs.items() if task_id in watched],
            }
            honored = SubscriptionFilter.model_validate(
                {kind: names for kind, names in agreed.items() if names}
            )
            acknowledged = SubscriptionsAcknowledgedNotificationParams(notifications=honored, _meta=meta)
            await self._send(ctx, SubscriptionsAcknowledgedNotification(params=acknowledged))
            watched |= {task_id: version or 0 for task_id, version in versions.items() if task_id in logs}
            while watched:
                for task_id, seen in list(watched.items()):
                    try:
                        task = await found(self._store, task_id, principal())
                    except UnknownTaskError:
                        del watched[task_id]
                        continue
                    if task.version != seen and task_id in agreed["taskIds"]:
                        told: dict[str, Any] = {**task.told(self._tasks.poll), "_meta": meta}
                        await self._send(ctx, TaskNotification(params=told))
                    if task.version != seen and task_id in logs:
                        params = ResourceUpdatedNotificationParams(uri=logs[task_id], _meta=meta)
                        await self._send(ctx, ResourceUpdatedNotification(params=params))
                    watched[task_id] = task.version
                    if task.is_over:
                        del watched[task_id]  # nothing follows (law 6)
                if watched:
                    await news.wait()
        return {"resultType": "complete", "_meta": meta}

    async def _version(self, task_id: str) -> int | None:
        try:
            return (await found(self._store, task_id, principal())).version
        except UnknownTaskError:
            return None

    async def _send(self, ctx: Ctx, notification: Any) -> None:
        await ctx.session.send_notification(notification, related_request_id=ctx.request_id)
