"""A stream as its client sees it: what a POST or a standing GET brings, over all its connections.

event    an id and data; one without data is a priming event: a cursor before the first message
cursor   the last id that came: `Last-Event-ID` when the stream is resumed
token    of the progress that a call asks for; it tells whose a message is
reused   an id of this session that came with other bytes than before
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import httpx
from pydantic import JsonValue

from laboratory.events import Parser, messages, parsed, same
from laboratory.evidence import evidence
from laboratory.peer import MOST, Answer, is_stream, text_of
from laboratory.wire import Wire

if TYPE_CHECKING:
    from laboratory.session import Session

LONGEST_RETRY = 5.0  # seconds; a server may ask for more than a check can wait
Reply = dict[str, JsonValue]
Token = str | int


class End(Enum):
    """How a connection ended."""

    OVER = "the server ended it"
    LOST = "it was lost"
    QUIET = "it stayed open, and nothing came"
    HUNG = "the request was not answered"
    REFUSED = "the request was refused"
    MISTYPED = "its Content-Type is not text/event-stream"
    ENOUGH = "what was waited for has come"


@dataclass(frozen=True)
class Event:
    id: str  # empty: it brought none of its own
    data: str
    at: float  # by the clock of the event loop


@dataclass
class Stream:
    """A stream as its client sees it: begun by a POST or a GET, resumed by GETs."""

    session: "Session"
    method: str
    wire: Wire | None = None  # without one, straight to the server
    request: tuple[Token, bytes] | None = None
    tokens: tuple[Token, ...] = ()
    events: list[Event] = field(default_factory=list[Event])  # messages only, in the order in which they came
    ids: list[str] = field(default_factory=list[str])  # of all events, the priming ones too
    ends: list[End] = field(default_factory=list[End])
    stood: list[float] = field(default_factory=list[float])  # when each connection was answered by a stream
    ended: list[float] = field(default_factory=list[float])  # when each was over
    reused: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    cursor: str = ""
    retry: float | None = None
    answer: Answer | None = None  # the last one
    error: httpx.RequestError | None = None
    response: Reply | None = None
    # A connection does, with a cursor if it has one.
    stands: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def data(self) -> list[str]:
        return [event.data for event in self.events]

    def own(self, data: str) -> JsonValue:
        """A message, in which the id and the token that its request had, type and all, are named as such."""

        def told(message: JsonValue) -> JsonValue:
            if not isinstance(message, dict):
                return message
            params = message.get("params")
            if isinstance(params, dict) and any(
                same(params.get("progressToken"), own) for own in self.tokens
            ):
                named: JsonValue = params | {"progressToken": "(its token)"}
                return message | {"params": named}
            if "method" not in message and self.request and same(message.get("id"), self.request[0]):
                return message | {"id": "(its request)"}
            return message

        value = parsed(data)
        return [told(part) for part in value] if isinstance(value, list) else told(value)

    async def read(self, patience: float | None, enough: Callable[[], bool]) -> End:
        """Read one connection, resumed where there is a cursor, until it ends or there is enough."""
        end = await self._read(patience, enough)
        self.ends.append(end)
        self.ended.append(now())
        self.stands.clear()
        self.changed.set()
        return end

    async def _read(self, patience: float | None, enough: Callable[[], bool]) -> End:
        peer, first = self.session.peer, self.request is not None and not self.ends
        headers = dict(self.session.headers)
        if not first:
            headers |= {"last-event-id": self.cursor} if self.cursor else {}
        content = self.request[1] if self.request and first else None
        request = peer.request(
            "POST" if first else "GET", headers, content, self.wire.port if self.wire else None
        )
        response: httpx.Response | None = None
        try:
            async with asyncio.timeout(patience) as clock:
                response = await self.session.http.send(request, stream=True)
                return await self._take_all(response, clock, patience, enough)
        except TimeoutError:
            return End.QUIET if response else End.HUNG
        except httpx.RequestError as error:
            self.error = error
            return End.LOST
        finally:
            if response:
                await response.aclose()

    async def _take_all(
        self,
        response: httpx.Response,
        clock: asyncio.Timeout,
        patience: float | None,
        enough: Callable[[], bool],
    ) -> End:
        asked = f"{response.request.method} Last-Event-ID: {self.cursor or '(none)'}"
        if not is_stream(response):
            text = await text_of(response, patience or self.session.peer.patience)
            self.answer = Answer(asked, response.status_code, response.headers, text)
            if not response.is_success:
                return End.REFUSED
            if response.request.method == "GET" and response.status_code == 200:
                return End.MISTYPED
            if self.answer.type == "application/json" or messages(text):
                self.take(Event("", text, now()))
            return End.OVER
        self.answer = Answer(asked, response.status_code, response.headers, "")
        if not response.is_success:
            return End.REFUSED
        if self.cursor or self.method == "GET":
            self.stands.set()
        self.stood.append(now())
        parser, size = Parser(), 0
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            if size > 40 * MOST:
                return End.LOST
            for block in parser.feed(chunk):
                if block.retry is not None:
                    self.retry = block.retry
                if block.id:
                    self.ids.append(block.id)
                    self.cursor = block.id
                if block.data:
                    self.take(Event(block.id or "", block.data, now()))
                    if patience is not None:
                        clock.reschedule(now() + (self.session.peer.patience if self.response else patience))
                self.changed.set()
                if enough():
                    return End.ENOUGH
        return End.OVER

    def take(self, event: Event) -> None:
        self.events.append(event)
        if event.id:
            before = self.session.seen.setdefault(event.id, event.data)
            if before != event.data:
                self.reused.append((event.id, before, event.data))
        if self.request and ('"result"' in event.data or '"error"' in event.data):
            for message in messages(event.data):
                if "method" not in message and same(message.get("id"), self.request[0]):
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
