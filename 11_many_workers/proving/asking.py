"""A client that asks what `check.py` wants to know: it cuts its calls, and comes back with any cursor."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
from httpx_sse import ServerSentEvent, aconnect_sse
from pydantic import JsonValue

from jobs.build import Build
from plumbing.stage import BrokenError
from proving.refused import ErrorMessage

BOTH = {"accept": "application/json, text/event-stream"}
SILENCE = 3.0  # seconds for what is kept; only where something is missing they are used up


@dataclass
class Call:
    """What came of a call, on however many connections."""

    number: int
    events: list[ServerSentEvent] = field(default_factory=list[ServerSentEvent])

    @property
    def ids(self) -> list[str]:
        return [event.id for event in self.events]

    def is_over(self) -> bool:
        return bool(self.events) and "result" in self.events[-1].data

    def is_whole(self, build: Build) -> bool:
        told = [json.loads(event.data) for event in self.events]
        numbers = [message["params"]["data"]["number"] for message in told[:-1]]
        return numbers == [*range(build.steps + 1)] and told[-1].get("id") == self.number

    def follow_each_other(self) -> bool:
        places = [name.rpartition("-")[2] for name in self.ids]
        return places == [str(place) for place in range(1, len(places) + 1)]


class Session:
    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http, self._url, self._headers = http, url, dict(BOTH)

    async def open(self) -> "Session":
        client: JsonValue = {"name": "check.py", "version": "1.0.0"}
        asked: JsonValue = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        message = request(1, "initialize", asked)
        response = await self._http.post(self._url, headers=self._headers, json=message)
        self._headers["mcp-session-id"] = response.raise_for_status().headers["mcp-session-id"]
        return self

    async def call(self, call: Call, build: Build, cut_after: int = 4) -> None:
        """Cut after so many messages, and resumed, until the answer is there."""
        arguments: JsonValue = build.model_dump()
        body = request(call.number, "tools/call", {"name": "build_project", "arguments": arguments})
        async with aconnect_sse(self._http, "POST", self._url, headers=self._headers, json=body) as source:
            source.response.raise_for_status()
            cursor = await self._read(source.aiter_sse(), call, "", cut_after)
        while not call.is_over():
            before = len(call.events)
            headers = self._headers | {"last-event-id": cursor}
            async with aconnect_sse(self._http, "GET", self._url, headers=headers) as source:
                source.response.raise_for_status()
                cursor = await self._read(source.aiter_sse(), call, cursor, cut_after)
            if len(call.events) == before:
                raise BrokenError(f"Nothing came after {cursor}.")

    async def _read(self, events: AsyncGenerator[ServerSentEvent], call: Call, cursor: str, most: int) -> str:
        goal = len(call.events) + most
        async for event in events:
            if not event.id:
                raise BrokenError("An event came without an id.")
            cursor = event.id
            if event.data:
                call.events.append(event)
            if len(call.events) == goal:
                break
        return cursor

    async def after(self, cursor: str) -> tuple[int, str, list[ServerSentEvent]]:
        """The status, the cursor that a refusal offers, and what follows up to the answer."""
        headers, events = self._headers | {"last-event-id": cursor}, list[ServerSentEvent]()
        async with aconnect_sse(self._http, "GET", self._url, headers=headers) as source:
            if source.response.status_code != 200:
                told = ErrorMessage.model_validate_json(await source.response.aread()).error.data
                return source.response.status_code, (told and told.cursor) or "", []
            with suppress(TimeoutError):
                async with asyncio.timeout(SILENCE):
                    async for event in source.aiter_sse():
                        events += [event] if event.data else []
                        if "result" in event.data:
                            break
            return 200, "", events


def request(number: int, method: str, params: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
