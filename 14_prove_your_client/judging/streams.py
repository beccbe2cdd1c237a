"""What a play sends: the events of a stream, each with its id, and what has gone out of them.

stream    what one call is sent, or the session's standing GET, over all its connections
opaque    an id means nothing to a client: they come in several shapes, and need not grow
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from pydantic import JsonValue

from judging.verdicts import BrokenError, Verdict
from judging.wire import Asked, Cut

SHAPES: list[Callable[[str, int], str]] = [
    lambda name, number: f"{name}-{number}",
    lambda name, number: f"{9000 - number}/{name}",
    lambda name, number: f"{name}:{number * 7919 % 1000:03}==",
    lambda name, number: f"{secrets.token_urlsafe(9)}.{name}",
]


@dataclass(frozen=True)
class Event:
    id: str | None
    raw: bytes


def event(data: str, event_id: str | None = None, retry: int | None = None, end: str = "\n") -> bytes:
    """An event on the wire."""
    lines = ["event: message"] if data else []
    lines += [f"id: {event_id}"] if event_id is not None else []
    lines += [f"retry: {retry}"] if retry is not None else []
    return end.join([*lines, f"data: {data}" if data else "data:", "", ""]).encode()


def notice(text: str) -> str:
    """What the client's handlers are to get: a log message."""
    params: JsonValue = {"level": "info", "logger": "count", "data": text}
    return json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": params})


def response(request_id: int | str | None, text: str) -> str:
    result: JsonValue = {"content": [{"type": "text", "text": text}], "isError": False}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result}, ensure_ascii=False)


@dataclass
class Stream:
    name: str
    asked: Asked  # the request that it belongs to
    rng: Random
    nonce: str  # which begins all its texts
    texts: list[str] = field(default_factory=list[str])  # of its notices, in order
    answer: str = ""  # the text of the response
    with_ids: bool = True
    carrier: Asked | None = None  # the request on whose answer it goes out now
    events: list[Event] = field(default_factory=list[Event])
    sent: int = 0  # events that have gone out whole
    sure: int = 0  # events that have surely come: a reset may take what is on its way
    half: Event | None = None  # of which a part has gone out
    cut_at: float | None = None
    retry: int | None = None  # the newest that has gone out

    def __post_init__(self) -> None:
        self.carrier = self.asked
        self.shape: Callable[[str, int], str] = self.rng.choice(SHAPES)

    @property
    def is_carried(self) -> bool:
        return self.carrier is not None and self.carrier.link.is_open

    def next_id(self) -> str | None:
        return self.shape(self.name, len(self.events) + 1) if self.with_ids else None

    async def add(self, data: str, retry: int | None = None) -> None:
        """Stored, then sent: if nobody is connected, it is replayed later."""
        event_id = self.next_id()
        await self.put(Event(event_id, event(data, event_id, retry)))
        if retry is not None:
            self.retry = retry

    async def put(self, one: Event, piece: int = 0) -> None:
        self.events.append(one)
        if self.carrier:
            await self.carrier.send(one.raw, piece)
            self.sent = len(self.events)

    async def prime(self, retry: int | None = None) -> None:
        await self.add("", retry)

    async def say(self, number: int = 1) -> None:
        for _ in range(number):
            await self.add(self.new_notice())

    def new_notice(self) -> str:
        self.texts.append(f"{self.nonce}-{len(self.texts) + 1}")
        return notice(f"message {self.texts[-1]}")

    async def respond(self, *, end: bool = True) -> None:
        request_id = self.asked.message.id if self.asked.message else None
        await self.add(response(request_id, self.answer))
        if end and self.carrier:
            await self.carrier.end(Cut.END)

    async def begin_half(self, one: Event, size: int) -> None:
        """Only so many bytes of it; the whole is replayed later."""
        self.events.append(one)
        self.half = one
        if self.carrier:
            await self.carrier.send(one.raw[:size])

    async def cut(self, how: Cut) -> None:
        if self.carrier:
            self.cut_at = self.carrier.link.wire.now()
            carrier, self.carrier = self.carrier, None
            await carrier.end(how)
            if how is not Cut.RESET:
                self.sure = self.sent

    def place(self, event_id: str) -> int | None:
        """How many events there were up to this id."""
        return next((n for n, one in enumerate(self.events, 1) if one.id == event_id), None)

    def newest(self) -> str | None:
        return next((one.id for one in reversed(self.events[: self.sent]) if one.id is not None), None)

    def check_cursor(self, event_id: str) -> int:
        """The place after which the client wants to go on; it has to be the newest that has come."""
        place = self.place(event_id) or 0
        expected = f"a GET with the newest id of that stream, {self.newest()!r}"
        if place > self.sent:
            raise BrokenError(Verdict.CORRUPTED, expected, f"{event_id!r}, of which only a part was sent")
        if place < self.sure:
            came = f"{event_id!r}, which is {self.sure - place} older: those events come again"
            raise BrokenError(Verdict.DOUBLED, expected, came)
        return place

    async def carry(self, asked: Asked, place: int) -> None:
        """Goes on in the answer to this request, with what it has missed."""
        self.carrier, self.half, self.cut_at = asked, None, None
        for one in self.events[place:]:
            await asked.send(one.raw)
        self.sent = len(self.events)
