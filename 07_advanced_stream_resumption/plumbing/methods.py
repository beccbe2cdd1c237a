"""What a server answers at once, in JSON: every method but a call of its tool."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue, ValidationError

from plumbing.jsonrpc import INVALID_PARAMS, LOG_LEVELS, METHOD_NOT_FOUND, Message, error, result


class Caller(Protocol):
    """What is used of a session."""

    protocol: str
    wants_log: bool


def initialized(caller: Caller, message: Message, server: str) -> JsonValue:
    told: JsonValue = {
        "protocolVersion": caller.protocol,
        "capabilities": {"logging": {}, "tools": {}},
        "serverInfo": {"name": server, "version": "1.0.0"},
    }
    return result(message.id, told)


def reply(caller: Caller, message: Message, tool: Mapping[str, JsonValue]) -> JsonValue:
    match message.method:
        case "ping":
            return result(message.id, {})
        case "logging/setLevel" if (level := message.params.get("level")) not in LOG_LEVELS:
            say = f"There is no level {str(level)[:60]!r}: {', '.join(LOG_LEVELS)}."
            return error(message.id, INVALID_PARAMS, say)
        case "logging/setLevel":
            caller.wants_log = message.params.get("level") in ("debug", "info")
            return result(message.id, {})
        case "tools/list":
            return result(message.id, {"tools": [dict(tool)]})
        case "tools/call":
            return error(message.id, INVALID_PARAMS, f"There is one tool here: {tool['name']}.")
        case other:
            return error(message.id, METHOD_NOT_FOUND, f"There is no method {str(other)[:60]!r} here.")


def tool_result(text: str, *, failed: bool = False) -> JsonValue:
    return {"content": [{"type": "text", "text": text}], "isError": failed}


def first_mistake(mistake: ValidationError) -> str:
    """Which argument of a tool is wrong, and how."""
    first = mistake.errors(include_url=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"]) or "arguments"
    return f"{where}: {first['msg']}"
