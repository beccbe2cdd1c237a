"""JSON-RPC: the messages that a client sends, and what it is answered."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
SESSION_NOT_FOUND, NOT_RESUMABLE, UNSUPPORTED_PROTOCOL = -32001, -32003, -32022

LOG_LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

RequestId = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[str, Field(max_length=200)]


class Message(BaseModel):
    """A request (method and id), a notification (method) or a response (id), from the client."""

    model_config = ConfigDict(strict=True)

    jsonrpc: Literal["2.0"]
    id: RequestId | None = None
    method: str | None = None
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])

    @model_validator(mode="after")
    def is_one_of_three(self) -> Self:
        if self.id is None and (self.method is None or "id" in self.model_fields_set):
            raise ValueError("a message has a method, an id that is not null, or both")
        return self


def result(request_id: int | str | None, value: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def error(request_id: int | str | None, code: int, say: str, data: JsonValue = None) -> JsonValue:
    told: dict[str, JsonValue] = {"code": code, "message": say}
    if data is not None:
        told["data"] = data
    return {"jsonrpc": "2.0", "id": request_id, "error": told}
