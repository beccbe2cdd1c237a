"""The server under test, and how one request of it is answered.

answer    a status, headers and a text; where a stream was asked for, a refusal
latency   seconds that the server takes to answer a ping
lag       seconds by which this program itself is late: the machine is busy
patience  seconds of silence before the checker is sure that nothing comes
calm      how much more of it there is when silence is listened to again
moment    seconds in which what is there should have come
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from pydantic import JsonValue

from laboratory.events import messages

LONG = 300.0  # seconds; each reading is ended by its own patience before
STREAM = "text/event-stream"
MOST = 5_000_000  # bytes of an answer that is no stream


@dataclass(frozen=True)
class Answer:
    asked: str
    status: int
    headers: Mapping[str, str]
    text: str

    def refusal(self) -> str | None:
        """What its JSON-RPC error says, if it is a 4xx and has one."""
        for told in messages(self.text):
            match told:
                case {"error": {"message": str(say)}} if 400 <= self.status < 500:
                    return say
                case _:
                    pass
        return None

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def __str__(self) -> str:
        return f"> {self.asked}\n< {self.status} {self.text[:300]}"


class Peer:
    """The server under test, and how it is spoken to."""

    def __init__(
        self,
        url: str,
        http: httpx.AsyncClient,
        headers: dict[str, str],
        protocol: str,
        patience: float,
        kept_alive: httpx.AsyncClient | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.url, self.http, self.headers = url, http, headers
        self.kept_alive, self.tls = kept_alive or http, tls
        self.protocol, self._patience = protocol, patience
        self.latency = self.lag = 0.0
        self.calm = 1.0
        self.requests = 0
        self.heard = True  # an answer came, since that was last asked
        self.host = httpx.URL(url).netloc.decode()
        self.session_ids: list[str] = []  # in the order in which they were given

    @property
    def patience(self) -> float:
        return self.calm * (self._patience + 5 * self.latency + 10 * self.lag)

    @property
    def moment(self) -> float:
        return 1.0 + 5 * self.latency + 5 * self.lag

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
        sent = [(name.encode(), value.encode("utf-8", "replace")) for name, value in told.items() if value]
        return self.http.build_request(
            method, url, headers=sent, content=content
        )  # bytes: ids need not be ASCII

    async def ask(
        self, method: str, headers: Mapping[str, str], content: bytes | None = None, patience: float = 0.0
    ) -> Answer:
        """One request and its answer; of a stream, what comes in time. No answer: TimeoutError."""
        request = self.request(method, headers, content)
        asked = " ".join([method, *(f"{name}: {value[:80]}" for name, value in headers.items())])
        asked = f"{asked} {content[:200].decode(errors='replace') if content else ''}"
        async with asyncio.timeout(patience or self.patience):
            response = await self.http.send(request, stream=True)
        self.heard = True
        try:
            text = await text_of(response, self.moment if is_stream(response) else self.patience)
        finally:
            await response.aclose()
        return Answer(asked, response.status_code, response.headers, text)

    async def feel_the_lag(self) -> None:
        """Patience follows what the machine can do just now."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(0.1)
            self.lag = max(clock() - began - 0.1, 0.98 * self.lag)

    async def lives(self) -> bool:
        """A server lives that answers an `initialize`, whatever it says."""
        body = json.dumps(initialize(self.protocol, "prove-it-lives")).encode()
        for _ in range(2):
            try:
                answer = await self.ask("POST", {}, body, 3 * self.patience)
            except (httpx.RequestError, TimeoutError):
                await asyncio.sleep(0.2)
                continue
            if session_id := answer.headers.get("mcp-session-id"):
                told = {"mcp-session-id": session_id, "mcp-protocol-version": self.protocol}
                with contextlib.suppress(httpx.RequestError, TimeoutError):
                    await self.ask("DELETE", told)
            return True
        return False


def initialize(protocol: str, request_id: JsonValue) -> dict[str, JsonValue]:
    client: JsonValue = {"name": "prove-it", "version": "1.0.0"}
    params: JsonValue = {"protocolVersion": protocol, "capabilities": {}, "clientInfo": client}
    return {"jsonrpc": "2.0", "id": request_id, "method": "initialize", "params": params}


def is_stream(response: httpx.Response) -> bool:
    return response.headers.get("content-type", "").strip().lower().startswith(STREAM)


async def text_of(response: httpx.Response, patience: float) -> str:
    """What comes in time of an answer, up to a bound."""
    raw = bytearray()
    with contextlib.suppress(TimeoutError, httpx.RequestError):
        async with asyncio.timeout(patience):
            async for piece in response.aiter_bytes():
                raw += piece
                if len(raw) > MOST:
                    break
    return raw.decode(errors="replace")
