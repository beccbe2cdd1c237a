"""2026-07-28: each POST is complete in itself, nothing is resumed, and long work is a task that is polled."""

import asyncio
from collections.abc import Callable

import httpx
from pydantic import JsonValue, ValidationError

from honest.event_source import EventSource
from honest.messages import INFO, MODERN, TASKS, LostError, Message, request

ACCEPT = {"accept": "application/json, text/event-stream", "mcp-protocol-version": MODERN}
CAPABILITIES: JsonValue = {"extensions": {TASKS: {}}}
META: JsonValue = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
}
POLL = 1.0  # seconds, if the server does not say


class Modern:
    def __init__(self, http: httpx.AsyncClient, url: str, show: Callable[[str], None]) -> None:
        self.http, self.url, self.show = http, url, show

    async def is_spoken(self) -> bool:
        """Whether the server says that it speaks this revision; an older one refuses the question."""
        body = request(0, "server/discover", {"_meta": META})
        response = await self.http.post(
            self.url, json=body, headers=ACCEPT | {"mcp-method": "server/discover"}
        )
        try:
            told = Message.model_validate_json(response.content).result or {}
        except ValidationError:
            return False
        versions = told.get("supportedVersions")
        return isinstance(versions, list) and MODERN in versions

    async def call(self) -> Message:
        answer = await self.post(1, "tools/call", "count", {"name": "count", "arguments": {}})
        number = 2
        while answer.result and (task_id := answer.result.get("taskId")):
            if answer.result.get("status") != "working":
                return Message(
                    result=as_object(answer.result.get("result")), error=as_object(answer.result.get("error"))
                )
            interval = answer.result.get("pollIntervalMs")
            await asyncio.sleep(interval / 1000 if isinstance(interval, int | float) else POLL)
            answer = await self.post(number, "tasks/get", str(task_id), {"taskId": task_id})
            number += 1
        return answer

    async def post(self, number: int, method: str, name: str, params: dict[str, JsonValue]) -> Message:
        headers = ACCEPT | {"mcp-method": method, "mcp-name": name}
        body = request(number, method, {**params, "_meta": META})
        source = EventSource(POLL)
        try:
            async with self.http.stream("POST", self.url, json=body, headers=headers) as response:
                if not response.headers.get("content-type", "").startswith("text/event-stream"):
                    return Message.model_validate_json(await response.aread())
                async for chunk in response.aiter_bytes():
                    for event in source.feed(chunk):
                        message = Message.model_validate_json(event.data)
                        if message.id == number:
                            return message
                        self.show(event.data)
        except httpx.TransportError as error:
            raise LostError(
                f"the connection was lost ({type(error).__name__}), and with it the call"
            ) from None
        raise LostError("the stream ended without the response, and the call is lost")


def as_object(value: JsonValue) -> dict[str, JsonValue] | None:
    return value if isinstance(value, dict) else None
