"""A raw client: one session, and its streams as they come over the wire. It trusts nothing and keeps all.

session  what `initialize` opened, named by `Mcp-Session-Id`
stream   what a POST or a standing GET brings, over all the connections that it takes
event    an id and data; one without data is a priming event: a cursor before the first message
cursor   the last id that came: `Last-Event-ID` when the stream is resumed
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Self

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import BaseModel, JsonValue, ValidationError

from laboratory.evidence import evidence
from laboratory.peer import STREAM, Answer, Peer
from laboratory.wire import Wire

LONGEST_RETRY = 2.0  # seconds; a server may ask for more than a check can wait


class NotMcpError(Exception):
    """The server does not answer as an MCP server of the handshake era does."""


class Message(BaseModel):
    """What the checker wants to know of a JSON-RPC message."""

    id: int | str | None = None
    method: str | None = None
    result: JsonValue = None
    error: JsonValue = None

    @property
    def is_response(self) -> bool:
        return self.method is None


class End(Enum):
    """How a connection ended."""

    OVER = "the server ended it"
    LOST = "it was lost"
    QUIET = "it stayed open, and nothing came"
    HUNG = "the request was not answered"
    REFUSED = "the request was refused"
    ENOUGH = "what was waited for has come"


@dataclass(frozen=True)
class Event:
    id: str  # empty: it brought none of its own
    data: str
    at: float  # by the clock of the event loop


class Session:
    """One session with the server; its requests take ids of their own."""

    def __init__(self, peer: Peer, headers: dict[str, str], first_id: int) -> None:
        self.peer, self.headers = peer, headers
        self.next_id = first_id

    @classmethod
    async def open(cls, peer: Peer, first_id: int) -> Self:
        client: JsonValue = {"name": "prove-it", "version": "1.0.0"}
        params: JsonValue = {"protocolVersion": peer.protocol, "capabilities": {}, "clientInfo": client}
        session = cls(peer, {}, first_id)
        answer, message = await session.call("initialize", params)
        match message.result:
            case {"protocolVersion": str(protocol)}:
                pass
            case _:
                elsewhere = answer.headers.get("location")
                told = f"it lies at {elsewhere}" if elsewhere else answer.text[:200]
                raise NotMcpError(f"initialize was answered with {answer.status}: {told}")
        session.headers = {"mcp-protocol-version": protocol}
        if "mcp-session-id" in answer.headers:
            session.headers["mcp-session-id"] = answer.headers["mcp-session-id"]
        await session.notify("notifications/initialized")
        return session

    @property
    def id(self) -> str:
        return self.headers.get("mcp-session-id", "")

    def body(self, method: str, params: JsonValue) -> tuple[int, bytes]:
        number, self.next_id = self.next_id, self.next_id + 1
        request: JsonValue = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return number, json.dumps(request).encode()

    async def call(self, method: str, params: JsonValue) -> tuple[Answer, Message]:
        """A request whose response is all that matters, be it JSON or the last event of a stream."""
        stream = Stream(self, "POST", None, self.body(method, params))
        await stream.read(self.peer.patience, lambda: stream.response is not None)
        if stream.answer is None:
            raise stream.error or TimeoutError(f"{method} was not answered")
        return stream.answer, stream.response or Message()

    async def notify(self, method: str, params: JsonValue = None) -> None:
        told: dict[str, JsonValue] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            told["params"] = params
        await self.peer.ask("POST", self.headers, json.dumps(told).encode())

    async def delete(self) -> Answer:
        return await self.peer.ask("DELETE", self.headers)


@dataclass
class Stream:
    """A stream as its client sees it: begun by a POST or a GET, resumed by GETs."""

    session: Session
    method: str
    wire: Wire | None = None  # without one, straight to the server
    request: tuple[int, bytes] | None = None
    events: list[Event] = field(default_factory=list[Event])  # messages only, in the order in which they came
    ids: list[str] = field(default_factory=list[str])  # of all events, the priming ones too
    ends: list[End] = field(default_factory=list[End])
    cursor: str = ""
    retry: float | None = None
    answer: Answer | None = None  # the last one
    error: httpx.TransportError | None = None
    response: Message | None = None
    # A connection does, with a cursor if it has one.
    stands: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]

    async def read(self, patience: float, enough: Callable[[], bool]) -> End:
        """Read one connection, resumed where there is a cursor, until it ends or there is enough."""
        end = await self._read(patience, enough)
        self.ends.append(end)
        self.stands.clear()
        self.changed.set()
        return end

    async def _read(self, patience: float, enough: Callable[[], bool]) -> End:
        first = self.request is not None and not self.ends
        headers = dict(self.session.headers)
        if not first:
            headers |= {"last-event-id": self.cursor} if self.cursor else {}
        content = self.request[1] if self.request and first else None
        request = self.session.peer.request(
            "POST" if first else "GET", headers, content, self.wire.port if self.wire else None
        )
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(patience) as clock:
                response = await self.session.peer.http.send(request, stream=True)
                return await self._take_all(response, clock, patience, enough)
        except TimeoutError:
            return End.QUIET if response else End.HUNG
        except httpx.TransportError as error:
            self.error = error
            return End.LOST
        finally:
            if response:
                await response.aclose()

    async def _take_all(
        self, response: httpx.Response, clock: asyncio.Timeout, patience: float, enough: Callable[[], bool]
    ) -> End:
        asked = f"{response.request.method} Last-Event-ID: {self.cursor or '(none)'}"
        text = ""
        is_stream = response.headers.get("content-type", "").startswith(STREAM)
        if not is_stream:
            text = (await response.aread()).decode(errors="replace")
        self.answer = Answer(asked, response.status_code, response.headers, text)
        if not is_stream:
            if response.status_code == 200 and self.request:
                self.take(Event("", text, now()))
            return End.OVER if response.is_success else End.REFUSED
        if self.cursor or self.method == "GET":
            self.stands.set()
        last_id = ""
        try:
            async for sse in EventSource(response).aiter_sse():
                own_id = "" if sse.id == last_id else sse.id  # the decoder hands the last id on
                last_id = sse.id
                if sse.retry is not None:
                    self.retry = sse.retry / 1000
                if own_id:
                    self.ids.append(own_id)
                    self.cursor = own_id
                if sse.data:
                    self.take(Event(own_id, sse.data, now()))
                    clock.reschedule(now() + (self.session.peer.patience if self.response else patience))
                self.changed.set()
                if enough():
                    return End.ENOUGH
        except SSEError:
            return End.LOST
        return End.OVER

    def take(self, event: Event) -> None:
        self.events.append(event)
        with contextlib.suppress(ValidationError):
            message = Message.model_validate_json(event.data)
            if message.is_response and self.request and message.id == self.request[0]:
                self.response = message

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Until something that comes makes it so."""
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    def evidence(self) -> str:
        return evidence(self.method, self.wire)


def now() -> float:
    return asyncio.get_running_loop().time()
