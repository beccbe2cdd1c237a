"""What the liar remembers: sessions, their streams, and the events that are kept of each."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable

from pydantic import JsonValue

from liar.messages import Call, progress, response

MAX_EVENTS, RETRY = 500, 20


class Stream:
    """Events in one order, each under an id that names the stream and the place: `5be1f3a0-7`."""

    def __init__(self, session: "Session") -> None:
        self.name = secrets.token_hex(4)
        self.session = session
        self.kept: deque[str] = deque()
        self.evicted = 0
        self.over = False
        self.news = asyncio.Event()
        self.rerun: Callable[[], None] = lambda: None
        self.work: asyncio.Task[None] | None = None

    @property
    def last(self) -> int:
        return self.evicted + len(self.kept)

    def send(self, message: JsonValue, *, over: bool = False) -> None:
        """Stored, then sent: what goes on the wire is read from what is kept."""
        data = json.dumps(message) if message else ""
        retry = "" if message else f"retry: {RETRY}\n"
        self.kept.append(f"event: message\n{retry}id: {self.name}-{self.last + 1}\ndata: {data}\n\n")
        self.session.bound(self)
        self.over = over
        self.news.set()
        self.news = asyncio.Event()

    def after(self, cursor: int) -> list[str]:
        return [self.kept[place - self.evicted] for place in range(max(cursor, self.evicted), self.last)]


class Session:
    def __init__(self) -> None:
        self.id = secrets.token_hex(16)
        self.streams: dict[str, Stream] = {}
        self.order: deque[Stream] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
        self.standing = self.open_stream()
        self.ended = asyncio.Event()

    def open_stream(self) -> Stream:
        stream = Stream(self)
        self.streams[stream.name] = stream
        stream.send(None)  # the priming event: a cursor before the first message
        return stream

    def bound(self, stream: Stream) -> None:
        """The oldest event of the session goes, whichever stream it is on."""
        self.order.append(stream)
        if len(self.order) > MAX_EVENTS:
            oldest = self.order.popleft()
            oldest.kept.popleft()
            oldest.evicted += 1

    def begin(self, stream: Stream, call: Call, request_id: int | str | None) -> None:
        async def run() -> None:
            token = call.meta.get("progressToken")
            for number in range(1, call.arguments.count + 1):
                if token is not None or stream is self.standing:
                    stream.send(progress(call, token, number))
                await asyncio.sleep(call.arguments.interval)
            if stream is not self.standing:
                stream.send(response(request_id, f"Sent {call.arguments.count} messages."), over=True)

        task = stream.work = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        self.ended.set()
        for stream in self.streams.values():
            stream.news.set()
