"""A JSON-RPC message in few words, for a line of the picture."""

import json

from pydantic import JsonValue

LONGEST = 70
Object = dict[str, JsonValue]


def short(text: str, longest: int = LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def in_words(body: str) -> str:
    try:
        message: JsonValue = json.loads(body)
    except (ValueError, RecursionError):
        return short(body)
    if isinstance(message, list):
        return short(" + ".join(one(item) for item in message))
    return short(one(message))


def one(message: JsonValue) -> str:
    match message:
        case {"method": "notifications/progress", "params": {"progress": step, **rest}}:
            of = f" of {rest['total']}" if "total" in rest else ""
            told = f": {rest['message']}" if "message" in rest else ""
            return f"progress {step}{of}{told}"
        case {"method": "notifications/message", "params": {"data": data}}:
            return f"log: {plain(data)}"
        case {"method": "tools/call", "params": {"name": str(name)}}:
            return f"tools/call {name}"
        case {"method": str(method)}:
            return method
        case {"result": {"content": [{"text": str(text)}, *_]}}:
            return f"result: {text}"
        case {"result": {"protocolVersion": str(version)}}:
            return f"result: MCP {version}"
        case {"result": _}:
            return "result"
        case {"error": {"message": str(text)}}:
            return f"error: {text}"
        case _:
            return plain(message)


def plain(data: JsonValue) -> str:
    match data:
        case str():
            return data
        case dict():
            return ", ".join(f"{name} {plain(value)}" for name, value in data.items()).replace(
                ", of ", " of "
            )
        case _:
            return json.dumps(data)
