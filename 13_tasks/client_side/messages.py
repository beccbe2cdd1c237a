"""What is said of tasks on the wire, as the SDK's client sends and reads it."""

from typing import Literal

from mcp.types import CallToolResult, ErrorData, InputRequest, InputResponses, Request, RequestParams, Result

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]


class Handle(Result):
    """`CreateTaskResult`: what a call is answered by at once."""

    result_type: Literal["task"]
    task_id: str
    status: Status
    ttl_ms: int | None
    poll_interval_ms: int = 1000


class Task(Result):
    """What `tasks/get` says."""

    task_id: str
    status: Status
    last_updated_at: str
    poll_interval_ms: int = 1000
    input_requests: dict[str, InputRequest] | None = None
    result: CallToolResult | None = None
    error: ErrorData | None = None


class TaskParams(RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: InputResponses


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: TaskParams
    name_param = "taskId"  # for the header Mcp-Name, by which a balancer may route


class UpdateTask(Request[UpdateParams, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: UpdateParams
    name_param = "taskId"
