"""What is answered to each method, and the one tool: `build_project`."""

from collections.abc import Awaitable, Callable

from pydantic import JsonValue, ValidationError

from build import Build
from plumbing.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, Message, error, result

Begin = Callable[[int | str, Build], Awaitable[None]]

TOOL: JsonValue = {
    "name": "build_project",
    "description": "Begin a build that reports each step on this session's GET stream, and answer at once.",
    "inputSchema": Build.model_json_schema(),
}


def initialized(protocol: str, message: Message) -> JsonValue:
    told: JsonValue = {
        "protocolVersion": protocol,
        "capabilities": {"logging": {}, "tools": {}},
        "serverInfo": {"name": "many-workers", "version": "1.0.0"},
    }
    return result(message.id, told)


async def reply(message: Message, request_id: int | str, begin: Begin) -> JsonValue:
    match message.method:
        case "ping":
            return result(request_id, {})
        case "logging/setLevel" if message.params.get("level") in ("debug", "info"):
            return result(request_id, {})
        case "logging/setLevel":
            return error(request_id, INVALID_PARAMS, "All messages here are of level info: ask for that.")
        case "tools/list":
            return result(request_id, {"tools": [TOOL]})
        case "tools/call" if message.params.get("name") == "build_project":
            return result(request_id, await build_project(message, request_id, begin))
        case "tools/call":
            return error(request_id, INVALID_PARAMS, "There is one tool here: build_project.")
        case other:
            return error(request_id, METHOD_NOT_FOUND, f"There is no method {str(other)[:60]!r} here.")


async def build_project(message: Message, request_id: int | str, begin: Begin) -> JsonValue:
    try:
        build = Build.model_validate(message.params.get("arguments", {}))
    except ValidationError as mistake:
        first = mistake.errors(include_url=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "arguments"
        return tool_result(f"{where}: {first['msg']}", failed=True)
    await begin(request_id, build)
    return tool_result(f"A build of {build.steps} steps has begun.")


def tool_result(text: str, *, failed: bool = False) -> JsonValue:
    return {"content": [{"type": "text", "text": text}], "isError": failed}
