"""A server that keeps the ten laws, made of small methods: each mutant overrides one and breaks a law by it.

It shares no code with the liar. Its tool `count` sends on the POST's own stream, `announce` on the GET's.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, JsonValue, ValidationError
from streams import Event, Session, Stream
from web import Out, Request

LOOPBACK = ("127.0.0.1", "localhost", "::1")
STREAM, JSON = "text/event-stream", "application/json"
LENGTHS: JsonValue = {
    "count": {"type": "integer", "minimum": 1, "maximum": 100_000, "default": 8},
    "interval": {"type": "number", "minimum": 0, "maximum": 60, "default": 0.05},
}
SCHEMA: JsonValue = {"type": "object", "properties": LENGTHS}
TOOLS: JsonValue = [
    {"name": name, "description": f"Sends messages on the {where} stream.", "inputSchema": SCHEMA}
    for name, where in (("count", "call's own"), ("announce", "session's standing"))
]


class Burst(BaseModel):
    count: int = Field(default=8, ge=1, le=100_000)
    interval: float = Field(default=0.05, ge=0, le=60)


class Call(BaseModel):
    name: str
    arguments: Burst = Field(default_factory=Burst)
    meta: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue], alias="_meta")


class Message(BaseModel):
    jsonrpc: str = Field(pattern=r"^2\.0$")
    id: int | str | None = None
    method: str
    params: dict[str, JsonValue] = Field(default_factory=dict[str, JsonValue])


@dataclass
class RefusedError(Exception):
    status: int
    say: str


@dataclass
class Reader:
    """One connection that reads a stream."""

    stream: Stream
    cursor: int
    out: Out
    resumed: bool
    turn: int  # it reads for as long as it is the newest
    batches: int = 0  # that were written to it
    events: int = 0


class Sound:
    protocols = ("2025-03-26", "2025-06-18", "2025-11-25")
    retry = 20  # milliseconds
    latency = 0.0  # seconds that each answer takes
    media_type = STREAM
    newline = "\n"
    start_of_stream = b""
    max_events = 3000  # kept of a session
    max_body = 1_000_000
    max_sessions = 1000
    reads_at_most = 4_000_000  # bytes of a body

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.die = lambda: None  # the whole server, at once

    # --- the door

    async def serve(self, request: Request, out: Out) -> None:
        await asyncio.sleep(self.latency)
        try:
            self.check(request)
            await self.answer(request, out)
        except RefusedError as refused:
            error: JsonValue = {"code": -32600, "message": refused.say}
            await out.json(refused.status, {"jsonrpc": "2.0", "id": None, "error": error})

    def check(self, request: Request) -> None:
        headers = request.headers
        if not self.knows_host(headers.get("host", "")):
            raise RefusedError(421, "Address this server as localhost.")
        if "origin" in headers and not self.welcomes(headers["origin"], request):
            raise RefusedError(403, "Pages of this Origin may not talk to this server.")
        if request.path.partition("?")[0] != "/mcp":
            raise RefusedError(404, "The endpoint is /mcp.")
        if request.method not in ("GET", "POST", "DELETE"):
            raise RefusedError(405, "Use POST, GET or DELETE.")
        accepts = headers.get("accept", "*/*").lower()
        if request.method == "GET" and not ("*/*" in accepts or STREAM in accepts):
            raise RefusedError(406, "GET opens a stream: send Accept: text/event-stream.")
        if request.method == "POST" and headers.get("content-type", "").split(";")[0].lower() != JSON:
            raise RefusedError(415, "Send Content-Type: application/json.")
        if headers.get("mcp-protocol-version", self.protocols[0]) not in self.protocols:
            raise RefusedError(400, f"This server speaks MCP {', '.join(self.protocols)}.")
        if request.too_large or len(request.body) > self.max_body:
            raise RefusedError(413, f"The body is larger than {self.max_body} bytes.")

    def knows_host(self, host: str) -> bool:
        return is_loopback(f"//{host}")

    def welcomes(self, origin: str, request: Request) -> bool:
        return is_loopback(origin)

    # --- sessions

    async def answer(self, request: Request, out: Out) -> None:
        message = parse(request.body) if request.method == "POST" else None
        if message and message.method == "initialize":
            return await self.initialize(message, out)
        session = self.session_of(request)
        if request.method == "GET":
            return await self.listen(session, request, out)
        if message is None:
            self.sessions.pop(session.id, None)
            session.end()
            return await out.whole(204)
        if message.id is None:
            return await out.whole(202)
        return await self.reply(session, message, out)

    def session_of(self, request: Request) -> Session:
        session_id = request.headers.get("mcp-session-id")
        if not session_id:
            raise RefusedError(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if session_id not in self.sessions:
            raise RefusedError(404, "This session is unknown or has ended: initialize a new one.")
        return self.sessions[session_id]

    async def initialize(self, message: Message, out: Out) -> None:
        if len(self.sessions) >= self.max_sessions:
            raise RefusedError(429, "There are too many sessions: end one with DELETE.")
        asked = str(message.params.get("protocolVersion"))
        protocol = asked if asked in self.protocols else self.protocols[-1]
        session = Session(self.session_id(), protocol)
        self.sessions[session.id] = session
        self.prime(session.open_stream())
        told: JsonValue = {
            "protocolVersion": protocol,
            "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": {"name": "bench", "version": "1"},
        }
        await out.json(200, result(message.id, told), {"mcp-session-id": session.id})

    def session_id(self) -> str:
        return secrets.token_hex(16)

    # --- requests

    async def reply(self, session: Session, message: Message, out: Out) -> None:
        match message.method:
            case "tools/list":
                await out.json(200, result(message.id, {"tools": TOOLS}))
            case "tools/call":
                await self.call(session, message, out)
            case "ping" | "logging/setLevel":
                await out.json(200, result(message.id, {}))
            case method:
                error: JsonValue = {"code": -32601, "message": f"There is no method {method[:60]!r}."}
                await out.json(200, {"jsonrpc": "2.0", "id": message.id, "error": error})

    async def call(self, session: Session, message: Message, out: Out) -> None:
        try:
            call = Call.model_validate(message.params)
            if call.name not in ("count", "announce"):
                raise ValueError(f"There is no tool {call.name[:60]!r}.")
        except ValueError as mistake:
            error: JsonValue = {"code": -32602, "message": str(mistake)[:200]}
            return await out.json(200, {"jsonrpc": "2.0", "id": message.id, "error": error})
        return await self.start(session, call, message, out)

    async def start(self, session: Session, call: Call, message: Message, out: Out) -> None:
        if call.name == "announce":
            self.begin(session.standing, call, message)
            return await out.json(200, result(message.id, {"content": []}))
        stream = self.stream_for(session, message)
        self.prime(stream)
        self.begin(stream, call, message)
        return await self.follow(Reader(stream, 0, out, resumed=False, turn=0))

    def stream_for(self, session: Session, message: Message) -> Stream:
        return session.open_stream(message.id)

    def begin(self, stream: Stream, call: Call, message: Message) -> None:
        task = stream.work = asyncio.create_task(self.run(stream, call, message))
        stream.session.tasks.add(task)
        task.add_done_callback(stream.session.tasks.discard)

    async def run(self, stream: Stream, call: Call, message: Message) -> None:
        """The tool."""
        stream.session.calls += 1
        try:
            for number in range(1, call.arguments.count + 1):
                if call.name == "announce" or "progressToken" in call.meta:
                    self.put(stream, self.progress(call, number))
                await asyncio.sleep(call.arguments.interval)
        finally:
            stream.session.calls -= 1
        if stream is not stream.session.standing:
            self.put_response(stream, call, message)

    def put_response(self, stream: Stream, call: Call, message: Message) -> None:
        stream.over = True
        text = f"Sent {call.arguments.count} messages ✓"
        self.put(stream, result(message.id, {"content": [{"type": "text", "text": text}]}))

    def progress(self, call: Call, number: int) -> JsonValue:
        text = f"Schritt {number} · größer als {number - 1} ✓"
        if call.name == "announce":
            log: JsonValue = {"level": "info", "logger": "bench", "data": {"number": number, "text": text}}
            return {"jsonrpc": "2.0", "method": "notifications/message", "params": log}
        params: dict[str, JsonValue] = {"progressToken": call.meta["progressToken"], "progress": number}
        params |= {"total": call.arguments.count, "message": text}
        return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}

    # --- stored, then sent

    def prime(self, stream: Stream) -> None:
        if stream.session.protocol >= "2025-11-25":
            self.put(stream, None)

    def greet(self, standing: Stream) -> None:
        """Whoever listens anew has an id at once."""
        if standing.handed:
            self.prime(standing)

    def put(self, stream: Stream, message: JsonValue) -> None:
        stream.store(message)
        self.bound(stream)
        stream.wake()

    def bound(self, stream: Stream) -> None:
        """The oldest event of the session goes, whichever stream it is on."""
        order = stream.session.order
        order.append(stream)
        if len(order) > self.max_events:
            oldest = order.popleft()
            oldest.kept.popleft()
            oldest.evicted += 1

    # --- streams

    async def listen(self, session: Session, request: Request, out: Out) -> None:
        event_id = request.headers.get("last-event-id")
        if event_id is None:
            standing = session.standing
            self.greet(standing)
            return await self.follow(
                Reader(standing, max(standing.handed, standing.evicted), out, resumed=False, turn=0)
            )
        stream, place = self.find(session, event_id)
        if place < stream.evicted:
            raise RefusedError(410, "What came next is no longer kept. GET without Last-Event-ID.")
        stream.resumes += 1
        return await self.follow(Reader(stream, place, out, resumed=True, turn=0))

    def event_id(self, stream: Stream, place: int) -> str:
        return f"{stream.name}-{place}"

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        """The name of the stream, and the place; ValueError: it is no id at all."""
        name, _, digits = event_id.rpartition("-")
        return name, int(digits[:9])

    def stream_of(self, session: Session, name: str) -> Stream:
        return session.streams[name]

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        try:
            name, place = self.read_id(session, event_id)
            stream = self.stream_of(session, name)
        except (ValueError, KeyError):
            raise RefusedError(400, "Not an event id of this session: GET without Last-Event-ID.") from None
        if not 0 < place <= stream.last or self.event_id(stream, place) != event_id:
            raise RefusedError(400, "Not an event id of this session: GET without Last-Event-ID.")
        return stream, place

    async def follow(self, reader: Reader) -> None:
        """Backlog and live tail are one sequence, read with one cursor."""
        stream, out = reader.stream, reader.out
        reader.turn = stream.readers = stream.readers + 1
        stream.connected += 1
        stream.wake()  # an older connection ends
        try:
            await out.stream({"content-type": self.type_of(reader), "cache-control": "no-cache"})
            await out.send(self.start_of_stream)
            await self.before(reader)
            while not stream.session.ended and reader.turn == stream.readers:
                news = stream.news
                if events := self.due(reader):
                    reader.cursor = events[-1].place
                    await self.write(reader, events)
                    stream.handed = max(stream.handed, reader.cursor)
                    reader.batches, reader.events = reader.batches + 1, reader.events + len(events)
                    if self.closes(reader):
                        return
                    continue
                if stream.over and self.is_done(reader):
                    return
                await news.wait()
        finally:
            stream.connected -= 1
            self.left(reader)

    def type_of(self, reader: Reader) -> str:
        return self.media_type

    async def before(self, reader: Reader) -> None:
        """What comes before the first event on a connection."""

    def due(self, reader: Reader) -> list[Event]:
        return reader.stream.after(reader.cursor)

    async def write(self, reader: Reader, events: list[Event]) -> None:
        await reader.out.send(b"".join(self.bytes_of(reader, event) for event in events))

    def bytes_of(self, reader: Reader, event: Event) -> bytes:
        return self.render(self.event_id(reader.stream, event.place), self.data_of(reader, event)).encode()

    def data_of(self, reader: Reader, event: Event) -> str:
        return event.data

    def render(self, event_id: str, data: str) -> str:
        lines = [f"id: {event_id}", *(f"data: {line}" for line in data.split("\n")), "", ""]
        if not data:
            lines.insert(0, f"retry: {self.retry}")
        return self.newline.join(lines)

    def closes(self, reader: Reader) -> bool:
        """Whether the server closes this connection, not the stream, by itself."""
        return False

    def is_done(self, reader: Reader) -> bool:
        return True

    def left(self, reader: Reader) -> None:
        """A connection has ended, for whatever reason."""


def is_loopback(url: str) -> bool:
    try:
        return (urlsplit(url).hostname or "").lower() in LOOPBACK
    except ValueError:
        return False


def result(request_id: JsonValue, told: JsonValue) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "result": told}


def parse(body: bytes) -> Message:
    try:
        return Message.model_validate(json.loads(body))
    except (ValueError, ValidationError, RecursionError) as mistake:
        raise RefusedError(400, f"Not understood: {str(mistake)[:100]}") from None
