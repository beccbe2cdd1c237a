"""An event as it passes through the cable, in few words for the page."""

import json
from dataclasses import dataclass

from pydantic import JsonValue


@dataclass(frozen=True)
class Passing:
    number: int
    id: str
    text: str


def shown(data: bytes) -> str:
    if not data:
        return "priming event"
    try:
        message: JsonValue = json.loads(data)
    except ValueError:
        return "not JSON"
    match message:
        case {"method": "notifications/progress", "params": {"progress": step, "total": of}}:
            return f"progress {step} of {of}"
        case {"method": "notifications/message", "params": {"data": {"line": str(line)}}}:
            return f"log: {line}"
        case {"method": str(method)}:
            return method
        case {"result": _}:
            return "result"
        case _:
            return "error"
