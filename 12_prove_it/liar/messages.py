"""What the liar is asked, and what it answers: JSON-RPC, as far as it needs any."""

from typing import TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

PROTOCOLS = ("2025-03-26", "2025-06-18", "2025-11-25")
Parsed = TypeVar("Parsed", bound=BaseModel)


NO_METHOD, BAD_PARAMETERS = -32601, -32602
TOOLS = {
    "count": "Counts, by progress messages on the stream of the call.",
    "announce": "Counts, by log messages on the session's standing stream.",
}


class Burst(BaseModel):
    count: int = Field(default=8, ge=1, le=5000, description="how many messages")
    interval: float = Field(default=0.05, ge=0, le=60, description="seconds after each of them")


class Call(BaseModel):
    name: str
    arguments: Burst = Field(default_factory=Burst)
    meta: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="_meta")


class Message(BaseModel):
    jsonrpc: str = Field(pattern=r"^2\.0$")
    id: int | str | None = None
    method: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


class Refusal(Exception):  # noqa: N818 (an answer, not a mishap)
    def __init__(self, status: int, say: str) -> None:
        super().__init__(say)
        self.status, self.say = status, say


def progress(call: Call, token: JsonValue, number: int) -> JsonValue:
    if call.name == "announce":
        data: JsonValue = {"number": number, "of": call.arguments.count}
        return {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": "info", "data": data},
        }
    params: JsonValue = {"progressToken": token, "progress": number, "total": call.arguments.count}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def tools() -> JsonValue:
    schema: JsonValue = Burst.model_json_schema()
    return {
        "tools": [{"name": name, "description": what, "inputSchema": schema} for name, what in TOOLS.items()]
    }


def failure(request_id: int | str | None, code: int, say: str) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": say}}


def response(request_id: int | str | None, text: str) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "result": {"content": [{"type": "text", "text": text}]}}


def parse(model: type[Parsed], body: bytes) -> Parsed:
    try:
        return model.model_validate_json(body)
    except ValidationError as mistake:
        raise Refusal(400, f"Not understood: {mistake.errors()[0]['msg']}.") from None
