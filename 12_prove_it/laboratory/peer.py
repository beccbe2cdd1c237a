"""The server under test, and how one request of it is answered.

answer  a status, headers and a text; where a stream was asked for, a refusal
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import JsonValue

LONG = 300.0  # seconds; each reading is ended by its own patience before
STREAM = "text/event-stream"


@dataclass(frozen=True)
class Answer:
    asked: str
    status: int
    headers: Mapping[str, str]
    text: str

    def refusal(self) -> str | None:
        """What its JSON-RPC error says, if it is a 4xx and has one."""
        try:
            told: JsonValue = json.loads(self.text)
        except ValueError:
            return None
        match told:
            case {"error": {"message": str(say)}} if 400 <= self.status < 500:
                return say
            case _:
                return None

    def __str__(self) -> str:
        return f"> {self.asked}\n< {self.status} {self.text[:300]}"


class Peer:
    """The server under test, and how it is spoken to."""

    def __init__(
        self, url: str, http: httpx.AsyncClient, headers: dict[str, str], protocol: str, patience: float
    ) -> None:
        self.url, self.http, self.headers = url, http, headers
        self.protocol, self.patience = protocol, patience
        self.requests = 0
        self.host = httpx.URL(url).netloc.decode()

    def request(
        self, method: str, headers: Mapping[str, str], content: bytes | None = None, port: int | None = None
    ) -> httpx.Request:
        """A request to the server, or to a wire that leads to it; the server sees its own name either way."""
        self.requests += 1
        url = httpx.URL(self.url)
        if port:
            url = url.copy_with(scheme="http", host="127.0.0.1", port=port)
        told = {"host": self.host, "accept": f"application/json, {STREAM}"} | self.headers | dict(headers)
        if content is not None and "content-type" not in told:
            told["content-type"] = "application/json"
        return self.http.build_request(
            method, url, headers={name: value for name, value in told.items() if value}, content=content
        )

    async def ask(self, method: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        """One request and its answer; of a stream, what comes in time. No answer: TimeoutError."""
        request = self.request(method, headers, content)
        asked = " ".join([method, *(f"{name}: {value[:80]}" for name, value in headers.items())])
        asked = f"{asked} {content[:200].decode(errors='replace') if content else ''}"
        async with asyncio.timeout(self.patience):
            response = await self.http.send(request, stream=True)
        pieces: list[str] = []
        with contextlib.suppress(TimeoutError, httpx.TransportError):
            async with asyncio.timeout(self.patience):
                pieces = [piece async for piece in response.aiter_text()]
        await response.aclose()
        return Answer(asked, response.status_code, response.headers, "".join(pieces))
