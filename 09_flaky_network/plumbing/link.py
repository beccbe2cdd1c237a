"""The client's end of the wire: a session, calls and resumptions, each on one connection.

cursor   the id of the last event that came, which `Last-Event-ID` carries back
silence  a connection on which nothing comes, not even the server's pings: it is taken for lost
"""

from collections.abc import AsyncGenerator

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError
from pydantic import BaseModel, JsonValue, ValidationError

from plumbing.say import say

BOTH = {"accept": "application/json, text/event-stream"}
LOST = (httpx.TransportError, SSEError)  # an event may be cut to pieces, too


class ErrorData(BaseModel):
    message: str
    data: JsonValue = None


class ErrorMessage(BaseModel):
    error: ErrorData


class Initialized(BaseModel):
    class Result(BaseModel):
        protocolVersion: str  # noqa: N815 (the protocol's name)

    result: Result


class RefusedError(Exception):
    """The server answered 4xx."""

    def __init__(self, status: int, text: str, data: JsonValue = None) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.data = status, data


class Link:
    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url = http, url
        self.session: dict[str, str] = {}  # the headers that name it
        self.cursor: str | None = None
        self.retry = 1.0  # seconds until the next connection, at the least; `retry:` says how many
        self._request_id = 0

    async def initialize(self) -> None:
        params: JsonValue = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "client.py", "version": "1.0.0"},
        }
        response = await self._post(self._request("initialize", params))
        protocol = Initialized.model_validate_json(response.content).result.protocolVersion
        self.session = {
            "mcp-session-id": response.headers["mcp-session-id"],
            "mcp-protocol-version": protocol,
        }
        await self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        say("session", f"opened with MCP {protocol}")

    async def call(self, params: JsonValue) -> AsyncGenerator[ServerSentEvent]:
        """The events of a new call's own stream."""
        async for event in self._events("POST", self._request("tools/call", params), {}):
            yield event

    async def resume(self, cursor: str) -> AsyncGenerator[ServerSentEvent]:
        """What follows the cursor on its stream."""
        say("GET", f"Last-Event-ID: {cursor}")
        async for event in self._events("GET", None, {"last-event-id": cursor}):
            yield event

    async def end(self) -> None:
        await self._http.delete(self._url, headers=self.session)

    async def _events(
        self, method: str, message: JsonValue, headers: dict[str, str]
    ) -> AsyncGenerator[ServerSentEvent]:
        headers = BOTH | self.session | headers
        async with self._http.stream(method, self._url, headers=headers, json=message) as response:
            await check(response)
            if not response.headers["content-type"].startswith("text/event-stream"):
                raise RefusedError(response.status_code, (await response.aread()).decode())
            yield ServerSentEvent(event="open")  # the connection stands
            async for event in EventSource(response).aiter_sse():
                self.cursor = event.id or self.cursor
                self.retry = self.retry if event.retry is None else event.retry / 1000
                yield event

    def _request(self, method: str, params: JsonValue) -> JsonValue:
        self._request_id += 1
        return {"jsonrpc": "2.0", "id": self._request_id, "method": method, "params": params}

    async def _post(self, message: JsonValue) -> httpx.Response:
        response = await self._http.post(self._url, json=message, headers=BOTH | self.session)
        await check(response)
        return response


async def check(response: httpx.Response) -> None:
    if response.is_error:
        body = await response.aread()
        try:
            told = ErrorMessage.model_validate_json(body).error
        except ValidationError:
            raise RefusedError(response.status_code, "no reason given") from None
        raise RefusedError(response.status_code, told.message, told.data)
