"""What is said on the wire: JSON-RPC messages, and the HTTP status that refuses them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
from httpx_sse import EventSource, ServerSentEvent
from pydantic import BaseModel, Field, JsonValue

from client_side.session_cache import SessionCache


class RefusedError(Exception):
    """The server answered 4xx or 5xx."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Error(BaseModel):
    code: int
    message: str


class Message(BaseModel):
    """A notification (method), or a response (id)."""

    id: int | str | None = None
    method: str | None = None
    params: JsonValue = None
    result: JsonValue = None
    error: Error | None = None


class Initialized(BaseModel):
    """The result of `initialize`."""

    protocol: str = Field(alias="protocolVersion")


class Progress(BaseModel):
    """The params of `notifications/progress`; this server counts the seconds that it has worked."""

    progress: float
    total: float
    message: str = ""


class Content(BaseModel):
    text: str


class ToolResult(BaseModel):
    content: list[Content]
    is_error: bool = Field(alias="isError", default=False)

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.content)


async def events(source: EventSource) -> AsyncGenerator[ServerSentEvent]:
    """An answer is a stream, or one JSON object: the server chooses, and a client reads both."""
    if source.response.headers.get("content-type", "").startswith("application/json"):
        yield ServerSentEvent(data=(await source.response.aread()).decode())
        return
    async for event in source.aiter_sse():
        if event.event == "message":
            yield event


class Wire:
    """How a message is sent, and a stream listened to; what is refused raises."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url

    @asynccontextmanager
    async def post(
        self, message: JsonValue, cache: SessionCache | None, on_sent: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[EventSource]:
        async def trace(event: str, _info: object) -> None:
            if event == "http11.send_request_body.complete":
                on_sent()

        headers = {"accept": "application/json, text/event-stream"} | session_headers(cache)
        async with self._http.stream(
            "POST", self._url, json=message, headers=headers, extensions={"trace": trace}
        ) as response:
            await check(response)
            yield EventSource(response)

    @asynccontextmanager
    async def listen(self, cache: SessionCache) -> AsyncGenerator[EventSource]:
        headers = {"accept": "text/event-stream", "last-event-id": cache.last_event_id or ""}
        async with self._http.stream("GET", self._url, headers=headers | session_headers(cache)) as response:
            await check(response)
            kind = response.headers.get("content-type", "")
            if "event-stream" not in kind:
                raise RefusedError(response.status_code, f"this is no stream, but {kind}")
            yield EventSource(response)

    async def delete(self, cache: SessionCache) -> None:
        await self._http.delete(self._url, headers=session_headers(cache))


def session_headers(cache: SessionCache | None) -> dict[str, str]:
    if cache is None:
        return {}
    return {"mcp-session-id": cache.session_id, "mcp-protocol-version": cache.protocol}


async def check(response: httpx.Response) -> None:
    if not response.is_error:
        return
    text = (await response.aread()).decode(errors="replace")
    try:
        error = Message.model_validate_json(text).error
    except ValueError:
        error = None
    raise RefusedError(response.status_code, error.message if error else text[:200])
