"""What is answered to each method, and the one tool: `build_project`."""

from pydantic import JsonValue, ValidationError

from jobs.build import Build
from plumbing.jsonrpc import INVALID_PARAMS, LOG_LEVELS, METHOD_NOT_FOUND, Message, error, result

TOOL: JsonValue = {
    "name": "build_project",
    "description": "Build a project: each step is reported while it runs, and the answer comes at the end.",
    "inputSchema": Build.model_json_schema(),
}


def initialized(protocol: str, message: Message) -> JsonValue:
    told: JsonValue = {
        "protocolVersion": protocol,
        "capabilities": {"logging": {}, "tools": {}},
        "serverInfo": {"name": "many-workers", "version": "1.0.0"},
    }
    return result(message.id, told)


def reply(message: Message, request_id: int | str) -> JsonValue | Build:
    """The answer, or the build that was asked for, whose answer takes a while."""
    match message.method:
        case "ping":
            return result(request_id, {})
        case "logging/setLevel" if message.params.get("level") in LOG_LEVELS:
            return result(request_id, {})  # and a build's steps come all the same: they are its proof
        case "logging/setLevel":
            return error(request_id, INVALID_PARAMS, f"A level is one of {', '.join(LOG_LEVELS)}.")
        case "tools/list":
            return result(request_id, {"tools": [TOOL]})
        case "tools/call" if message.params.get("name") == "build_project":
            return build_project(message, request_id)
        case "tools/call":
            return error(request_id, INVALID_PARAMS, "There is one tool here: build_project.")
        case other:
            return error(request_id, METHOD_NOT_FOUND, f"There is no method {str(other)[:60]!r} here.")


def build_project(message: Message, request_id: int | str) -> JsonValue | Build:
    try:
        return Build.model_validate(message.params.get("arguments", {}))
    except ValidationError as mistake:
        first = mistake.errors(include_url=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "arguments"
        said: JsonValue = [{"type": "text", "text": f"{where}: {first['msg']}"}]
        return result(request_id, {"content": said, "isError": True})
