"""What is answered to each method, and the one tool: `send_burst`."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from plumbing.jsonrpc import INVALID_PARAMS, LOG_LEVELS, METHOD_NOT_FOUND, Message, error, result
from sessions import Session, Sessions


class Burst(BaseModel):
    """The arguments of `send_burst`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    count: Annotated[int, Field(ge=1, le=100_000, description="how many messages")] = 10
    interval: Annotated[float, Field(ge=0, le=60, description="seconds between two messages")] = 0.2

    async def run(self, send: Callable[[str], None]) -> None:
        """Send the messages, whether or not anybody listens."""
        began = time.perf_counter()
        for number in range(1, self.count + 1):
            send(self.message(number, time.perf_counter() - began))
            if self.interval or number % 100 == 0:  # at full speed, others have their turn all the same
                await asyncio.sleep(self.interval)

    def message(self, number: int, elapsed: float) -> str:
        data = {"number": number, "of": self.count, "elapsed": round(elapsed, 3)}
        params = {"level": "info", "logger": "send_burst", "data": data}
        return json.dumps(
            {"jsonrpc": "2.0", "method": "notifications/message", "params": params}, separators=(",", ":")
        )


TOOL: JsonValue = {
    "name": "send_burst",
    "description": "Begin to send numbered messages on this session's GET stream, and answer at once.",
    "inputSchema": Burst.model_json_schema(),
}


def initialized(session: Session, message: Message) -> JsonValue:
    told: JsonValue = {
        "protocolVersion": session.protocol,
        "capabilities": {"logging": {}, "tools": {}},
        "serverInfo": {"name": "advanced-stream-resumption", "version": "1.0.0"},
    }
    return result(message.id, told)


def reply(sessions: Sessions, session: Session, message: Message) -> JsonValue:
    match message.method:
        case "ping":
            return result(message.id, {})
        case "logging/setLevel" if (level := message.params.get("level")) not in LOG_LEVELS:
            return error(
                message.id, INVALID_PARAMS, f"There is no level {str(level)[:60]!r}: {', '.join(LOG_LEVELS)}."
            )
        case "logging/setLevel":
            session.wants_messages = message.params.get("level") in ("debug", "info")
            return result(message.id, {})
        case "tools/list":
            return result(message.id, {"tools": [TOOL]})
        case "tools/call" if message.params.get("name") == "send_burst":
            return result(message.id, send_burst(sessions, session, message.params.get("arguments", {})))
        case "tools/call":
            return error(message.id, INVALID_PARAMS, "There is one tool here: send_burst.")
        case other:
            return error(message.id, METHOD_NOT_FOUND, f"There is no method {str(other)[:60]!r} here.")


def send_burst(sessions: Sessions, session: Session, arguments: JsonValue) -> JsonValue:
    try:
        burst = Burst.model_validate(arguments)
    except ValidationError as mistake:
        first = mistake.errors(include_url=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"]) or "arguments"
        return tool_result(f"{where}: {first['msg']}", failed=True)
    if not sessions.begin(session, lambda: burst.run(session.send)):
        return tool_result(
            "This session has as many bursts at work as it may: wait for one to end.", failed=True
        )
    return tool_result(f"A burst of {burst.count} messages has begun.")


def tool_result(text: str, *, failed: bool = False) -> JsonValue:
    return {"content": [{"type": "text", "text": text}], "isError": failed}
