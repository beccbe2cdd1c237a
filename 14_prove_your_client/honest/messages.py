"""What the client says, and what can go wrong: JSON-RPC, as far as it needs any."""

from pydantic import BaseModel, JsonValue

LEGACY, MODERN = "2025-11-25", "2026-07-28"
TASKS = "io.modelcontextprotocol/tasks"
INFO: JsonValue = {"name": "client.py", "version": "1.0.0"}


class LostError(Exception):
    """The answer is lost, and the caller is told why."""


class Message(BaseModel):
    id: int | str | None = None
    method: str = ""
    params: dict[str, JsonValue] = {}
    result: dict[str, JsonValue] | None = None
    error: dict[str, JsonValue] | None = None


class Content(BaseModel):
    text: str = ""


class ToolResult(BaseModel):
    content: list[Content] = []
    isError: bool = False  # noqa: N815 (as on the wire)


def request(number: int | str, method: str, params: JsonValue = None) -> dict[str, JsonValue]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}


def notification(method: str, params: JsonValue = None) -> dict[str, JsonValue]:
    return {"jsonrpc": "2.0", "method": method, "params": params or {}}


def text_of(answer: Message) -> str:
    """The tool's text; an error is the caller's to know."""
    if answer.error:
        raise LostError(str(answer.error.get("message", "an error without a message")))
    told = ToolResult.model_validate(answer.result or {})
    text = "\n".join(part.text for part in told.content)
    if told.isError:
        raise LostError(text)
    return text
