"""What the bench's servers remember: sessions, their streams, and the events that are kept of each.

place    an event's number in its stream, from 1; a cursor is a place
standing the stream of a session that a GET opens
"""

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field

from pydantic import JsonValue


@dataclass(slots=True)
class Event:
    place: int
    data: str  # empty: a priming event
    at: float = 0.0


@dataclass(eq=False)
class Stream:
    session: "Session"
    number: int
    request_id: JsonValue = None
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    kept: deque[Event] = field(default_factory=deque[Event])
    evicted: int = 0
    over: bool = False
    handed: int = 0  # the last place that went out on any connection
    readers: int = 0  # connections so far; the newest one reads
    connected: int = 0  # connections that are open, as far as the server knows
    resumes: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    work: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        return self.evicted + len(self.kept)

    @property
    def is_cut(self) -> bool:
        return self.readers > 0 and not self.connected

    def store(self, message: JsonValue) -> Event:
        event = Event(self.last + 1, json.dumps(message, ensure_ascii=False) if message else "")
        self.kept.append(event)
        return event

    def wake(self) -> None:
        self.news.set()
        self.news = asyncio.Event()

    def after(self, cursor: int) -> list[Event]:
        first = max(cursor, self.evicted) - self.evicted
        return [self.kept[n] for n in range(first, len(self.kept))]


@dataclass(eq=False)
class Session:
    id: str
    protocol: str
    streams: dict[str, Stream] = field(default_factory=dict[str, Stream])
    order: deque[Stream] = field(default_factory=deque[Stream])  # of all kept events, the oldest first
    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    ended: bool = False
    calls: int = 0  # under way

    def open_stream(self, request_id: JsonValue = None) -> Stream:
        stream = Stream(self, len(self.streams) + 1, request_id)
        self.streams[stream.name] = stream
        return stream

    @property
    def standing(self) -> Stream:
        return next(iter(self.streams.values()))

    def end(self) -> None:
        self.ended = True
        for task in self.tasks:
            task.cancel()
        for stream in self.streams.values():
            stream.wake()
