"""What is answered in JSON, at once: every method but a call of `build_project` that can begin."""

from pydantic import JsonValue

from build import Plan
from builds import KEY
from plumbing.jsonrpc import INVALID_PARAMS, LOG_LEVELS, METHOD_NOT_FOUND, Message, error, result
from sessions import Session

TOOL: JsonValue = {
    "name": "build_project",
    "description": "Build a project, step by step, with progress and log lines. "
    f"Called again with the same _meta {KEY!r}, it gives the running or finished build.",
    "inputSchema": Plan.model_json_schema(),
}


def initialized(session: Session, message: Message) -> JsonValue:
    told: JsonValue = {
        "protocolVersion": session.protocol,
        "capabilities": {"logging": {}, "tools": {}},
        "serverInfo": {"name": "flaky-network", "version": "1.0.0"},
    }
    return result(message.id, told)


def reply(session: Session, message: Message) -> JsonValue:
    match message.method:
        case "ping":
            return result(message.id, {})
        case "logging/setLevel" if (level := message.params.get("level")) not in LOG_LEVELS:
            say = f"There is no level {str(level)[:60]!r}: {', '.join(LOG_LEVELS)}."
            return error(message.id, INVALID_PARAMS, say)
        case "logging/setLevel":
            session.wants_log = message.params.get("level") in ("debug", "info")
            return result(message.id, {})
        case "tools/list":
            return result(message.id, {"tools": [TOOL]})
        case "tools/call":
            return error(message.id, INVALID_PARAMS, "There is one tool here: build_project.")
        case other:
            return error(message.id, METHOD_NOT_FOUND, f"There is no method {str(other)[:60]!r} here.")


def tool_error(text: str) -> JsonValue:
    return {"content": [{"type": "text", "text": text}], "isError": True}
