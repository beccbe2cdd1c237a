"""The liar: a small server that keeps the laws of resumption until it is told to break one.

uv run server.py --lie lose-in-the-seam      `--list` names the lies; each is an `if` that is marked LIE

count     its tool whose messages come on the POST's own stream
announce  its tool whose messages come on the session's standing GET stream
"""

import argparse
import asyncio
import contextlib
import json
import secrets
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable
from types import FrameType
from typing import TypeVar
from urllib.parse import urlsplit

import uvicorn
from pydantic import BaseModel, Field, JsonValue, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lies import LIES, Lie

PROTOCOLS = ("2025-03-26", "2025-06-18", "2025-11-25")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MAX_EVENTS, MAX_SESSIONS, MAX_BODY, RETRY = 500, 1000, 1_000_000, 20
Parsed = TypeVar("Parsed", bound=BaseModel)


class Burst(BaseModel):
    count: int = Field(default=8, ge=1, le=5000)
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


class Refusal(Exception):  # noqa: N818 (an answer, not a mishap)
    def __init__(self, status: int, say: str) -> None:
        super().__init__(say)
        self.status, self.say = status, say


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
        self.kept.append(f"{retry}id: {self.name}-{self.last + 1}\ndata: {data}\n\n")
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
                stream.send(progress(call, token, number))
                await asyncio.sleep(call.arguments.interval)
            if stream is not self.standing:
                stream.send(response(request_id, f"Sent {call.arguments.count} messages."), over=True)

        task = stream.work = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Endpoint:
    def __init__(self, lie: Lie) -> None:
        self.lie = lie
        self.sessions: dict[str, Session] = {}

    async def follow(self, stream: Stream, cursor: int, *, resumed: bool) -> AsyncGenerator[str]:
        """Backlog and live tail are one sequence, read with one cursor."""
        lie, session = self.lie, stream.session
        backlog = stream.after(cursor) if resumed else []
        if lie is Lie.MIX_STREAMS and resumed:  # LIE
            for other in session.streams.values():
                for event in other.after(0) if other not in (stream, session.standing) else ():
                    yield event
        if lie is Lie.SWAP_THE_FIRST and len(backlog) > 2:  # LIE
            yield backlog[1]
            yield backlog[0]
            cursor += 2
        if lie is Lie.REPEAT_THE_LAST and resumed and cursor > 1:  # LIE
            cursor -= 1
        if lie is Lie.RUN_AGAIN and resumed and not stream.over:  # LIE
            stream.rerun()
        try:
            while not session.ended.is_set() and cursor >= stream.evicted:
                news = stream.news
                if events := stream.after(cursor):
                    yield "".join(events)
                    cursor += len(events)
                if stream.over and cursor == stream.last and lie is not Lie.NEVER_END:  # LIE
                    return
                if lie is Lie.FORGET_THE_TAIL and resumed:  # LIE
                    news = session.ended
                await news.wait()
                if lie is Lie.LOSE_IN_THE_SEAM and resumed and not stream.over:  # LIE
                    cursor, resumed = cursor + 1, False
        finally:
            if lie is Lie.CANCEL_ON_CUT and stream.work and not stream.over:  # LIE
                stream.work.cancel()

    def cursor(self, session: Session, event_id: str) -> tuple[Stream, int]:
        """What cannot be resumed is refused at once, aloud."""
        name, _, digits = event_id.partition("-")
        streams = session.streams
        if self.lie is Lie.SHARE_IDS:  # LIE
            streams = {name: stream for one in self.sessions.values() for name, stream in one.streams.items()}
        stream = streams.get(name)
        if not stream or not digits.isdecimal() or len(digits) > 9 or int(digits) > stream.last:
            raise Refusal(
                400, "Not an event id of this session. GET without Last-Event-ID opens a new stream."
            )
        if int(digits) < stream.evicted:
            raise Refusal(
                410, "What came next is no longer kept. GET without Last-Event-ID opens a new stream."
            )
        return stream, int(digits)

    async def listen(self, session: Session, last_event_id: str | None) -> Response:
        if last_event_id is None:
            stream, cursor = session.standing, session.standing.evicted
        else:
            try:
                stream, cursor = self.cursor(session, last_event_id)
            except Refusal:
                if self.lie is Lie.EMPTY_200:  # LIE
                    return Response(media_type="text/event-stream")
                raise
            if self.lie is Lie.NEVER_ANSWER:  # LIE
                await session.ended.wait()
        return self.stream(self.follow(stream, cursor, resumed=last_event_id is not None))

    def stream(self, events: AsyncGenerator[str]) -> Response:
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"cache-control": "no-cache"}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            self.check(request)
            answer = await self.answer(request)
        except Refusal as refusal:
            told = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": refusal.say}}
            answer = JSONResponse(told, refusal.status)
        await answer(scope, receive, send)

    def check(self, request: Request) -> None:
        headers = request.headers
        if urlsplit(f"//{headers.get('host', '')}").hostname not in LOOPBACK:
            raise Refusal(421, "This server answers to its own name only: address it as localhost.")
        origin = headers.get("origin")
        if origin and urlsplit(origin).hostname not in LOOPBACK and self.lie is not Lie.ASK_NO_ORIGIN:  # LIE
            raise Refusal(403, "Pages of this Origin may not talk to this server.")
        if request.method not in ("GET", "POST", "DELETE"):
            raise Refusal(405, "Use POST to send, GET to listen, DELETE to end the session.")
        if request.method == "GET" and "text/event-stream" not in headers.get("accept", ""):
            raise Refusal(406, "GET opens an event stream: send Accept: text/event-stream.")
        if request.method == "POST" and headers.get("content-type", "").split(";")[0] != "application/json":
            raise Refusal(415, "Send Content-Type: application/json.")
        if headers.get("mcp-protocol-version", PROTOCOLS[0]) not in PROTOCOLS:
            raise Refusal(400, f"This server speaks MCP {', '.join(PROTOCOLS)}.")

    async def answer(self, request: Request) -> Response:
        message = await self.read(request) if request.method == "POST" else None
        if message and message.method == "initialize":
            return self.initialize(message)
        if not (session_id := request.headers.get("mcp-session-id")):
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if not (session := self.sessions.get(session_id)):
            raise Refusal(404, "This session is unknown or has ended: initialize a new one.")
        if request.method == "GET":
            return await self.listen(session, request.headers.get("last-event-id"))
        if message is None:
            self.end(session)
            return Response(status_code=204)
        if message.id is None:
            return Response(status_code=202)
        return self.reply(session, message)

    async def read(self, request: Request) -> Message:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY and self.lie is not Lie.TAKE_ANY_BODY:  # LIE
                raise Refusal(413, f"The body is larger than {MAX_BODY} bytes.")
        return parse(Message, bytes(body))

    def initialize(self, message: Message) -> Response:
        if len(self.sessions) >= MAX_SESSIONS:
            raise Refusal(429, "There are too many sessions: end one with DELETE.")
        session = Session()
        self.sessions[session.id] = session
        asked = message.params.get("protocolVersion")
        told: JsonValue = {
            "protocolVersion": asked if asked in PROTOCOLS else PROTOCOLS[-1],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "liar", "version": "1.0.0"},
        }
        answer: JsonValue = {"jsonrpc": "2.0", "id": message.id, "result": told}
        return JSONResponse(answer, headers={"mcp-session-id": session.id})

    def reply(self, session: Session, message: Message) -> Response:
        result: JsonValue = {}
        if message.method == "tools/list":
            schema: JsonValue = Burst.model_json_schema()
            result = {"tools": [{"name": name, "inputSchema": schema} for name in ("count", "announce")]}
        elif message.method == "tools/call":
            call = parse(Call, json.dumps(message.params).encode())
            if call.name == "announce":
                session.begin(session.standing, call, message.id)
                return JSONResponse(response(message.id, "The announcements have begun."))
            stream = session.open_stream()
            stream.rerun = lambda: session.begin(stream, call, message.id)
            stream.rerun()
            return self.stream(self.follow(stream, 0, resumed=False))
        elif message.method != "ping":
            raise Refusal(400, f"There is no method {message.method[:60]!r} here.")
        return JSONResponse({"jsonrpc": "2.0", "id": message.id, "result": result})

    def end(self, session: Session) -> None:
        del self.sessions[session.id]
        for task in session.tasks:
            task.cancel()
        session.ended.set()
        for stream in session.streams.values():
            stream.news.set()


def progress(call: Call, token: JsonValue, number: int) -> JsonValue:
    if call.name == "announce":
        data: JsonValue = {"number": number, "of": call.arguments.count}
        return {
            "jsonrpc": "2.0",
            "method": "notifications/message",
            "params": {"level": "info", "data": data},
        }
    params: JsonValue = {"progressToken": token, "progress": number, "total": call.arguments.count}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def response(request_id: int | str | None, text: str) -> JsonValue:
    return {"jsonrpc": "2.0", "id": request_id, "result": {"content": [{"type": "text", "text": text}]}}


def parse(model: type[Parsed], body: bytes) -> Parsed:
    try:
        return model.model_validate_json(body)
    except ValidationError as mistake:
        raise Refusal(400, f"Not understood: {mistake.errors()[0]['msg']}.") from None


class Server(uvicorn.Server):
    """Ends its sessions on Ctrl-C: uvicorn waits for every response, and a standing stream does not end."""

    def __init__(self, config: uvicorn.Config, endpoints: list[Endpoint]) -> None:
        super().__init__(config)
        self.endpoints = endpoints

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        for endpoint in self.endpoints:
            for session in list(endpoint.sessions.values()):
                endpoint.end(session)


def main() -> None:
    parser = argparse.ArgumentParser(description="A server that keeps the laws of resumption, or breaks one.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--lie", type=Lie, choices=list(Lie), default=Lie.NONE, help="which law to break, and how"
    )
    parser.add_argument(
        "--list", action="store_true", help="name the lies, and the verdict that each deserves"
    )
    parser.add_argument(
        "--gallery", action="store_true", help="tell every lie at a path of its own: /NAME/mcp"
    )
    flags = parser.parse_args()
    if flags.list:
        for lie, told in LIES.items():
            print(f"{lie:<18}{told.verdict or '-':<17}{told.what}")
        return
    lies = {f"/{lie}/mcp": lie for lie in Lie} if flags.gallery else {"/mcp": flags.lie}
    endpoints = [Endpoint(lie) for lie in lies.values()]
    try:
        listener = socket.create_server((flags.host, flags.port))
    except (OSError, OverflowError) as error:
        sys.exit(f"Cannot listen on {flags.host}, port {flags.port} ({error}): choose another with --port.")
    print(f"listening on http://{flags.host}:{listener.getsockname()[1]}/mcp", flush=True)
    routes = [Route(path, endpoint) for path, endpoint in zip(lies, endpoints, strict=True)]
    config = uvicorn.Config(Starlette(routes=routes), log_level="warning")
    with contextlib.suppress(KeyboardInterrupt):
        Server(config, endpoints).run(sockets=[listener])


if __name__ == "__main__":
    main()
