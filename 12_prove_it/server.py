"""The liar: a small server that keeps the laws of resumption until it is told to break one.

uv run server.py --lie lose-in-the-seam      `--list` names the lies; each is an `if` that is marked LIE

count     its tool whose messages come on the POST's own stream
announce  its tool whose messages come on the session's standing GET stream
"""

from plumbing.ctrl_c import in_order

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from liar.door import check, read
from liar.launch import launch
from liar.lies import LIES, Lie
from liar.memory import Session, Stream
from liar.messages import (
    BAD_PARAMETERS,
    NO_METHOD,
    PROTOCOLS,
    TOOLS,
    Call,
    Message,
    Refusal,
    failure,
    parse,
    response,
    tools,
)
from tasks_era.lab import MODERN
from tasks_era.liar import TasksEndpoint
from tasks_era.lies import LIES as TASK_LIES
from tasks_era.lies import TaskLie

ERAS = {PROTOCOLS[-1]: LIES, MODERN: TASK_LIES}
MAX_SESSIONS = 1000
MOMENT = 0.15  # seconds in which nobody has subscribed yet; where two were missed, one of them falls between


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
        if lie is Lie.LOSE_IN_THE_SEAM and resumed:  # LIE
            for event in [*backlog[:-2], *backlog[-1:]]:
                yield event
            await asyncio.sleep(MOMENT if len(backlog) < 2 else 0)
            cursor = max(cursor + len(backlog), stream.last - stream.over)
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
            check(request, PROTOCOLS, any_origin=self.lie is Lie.ASK_NO_ORIGIN)  # LIE
            answer = await self.answer(request)
        except Refusal as refusal:
            answer = JSONResponse(failure(None, -32600, refusal.say), refusal.status)
        await answer(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        message = None
        if request.method == "POST":
            message = await read(request, any_size=self.lie is Lie.TAKE_ANY_BODY)  # LIE
        if message and message.method == "initialize":
            return self.initialize(message)
        if not (session_id := request.headers.get("mcp-session-id")):
            raise Refusal(400, "Send the Mcp-Session-Id that initialize was answered with.")
        if not (session := self.sessions.get(session_id)):
            raise Refusal(404, "This session is unknown or has ended: initialize a new one.")
        if request.method == "GET":
            return await self.listen(session, request.headers.get("last-event-id"))
        if message is None:
            self.sessions.pop(session.id).end()
            return Response(status_code=204)
        if message.id is None:
            return Response(status_code=202)
        return self.reply(session, message)

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
        match message.method:
            case "tools/call":
                return self.call(session, message)
            case "tools/list":
                told = tools()
            case "ping":
                told = {}
            case method:
                say = f"There is no method {method[:60]!r} here."
                return JSONResponse(failure(message.id, NO_METHOD, say))
        return JSONResponse({"jsonrpc": "2.0", "id": message.id, "result": told})

    def call(self, session: Session, message: Message) -> Response:
        try:
            call = parse(Call, json.dumps(message.params).encode())
        except Refusal as refusal:
            return JSONResponse(failure(message.id, BAD_PARAMETERS, refusal.say))
        if call.name not in TOOLS:
            say = f"There is no tool {call.name[:60]!r} here; there are {', '.join(TOOLS)}."
            return JSONResponse(failure(message.id, BAD_PARAMETERS, say))
        if call.name == "announce":
            session.begin(session.standing, call, message.id)
            return JSONResponse(response(message.id, "The announcements have begun."))
        stream = session.open_stream()
        stream.rerun = lambda: session.begin(stream, call, message.id)
        stream.rerun()
        return self.stream(self.follow(stream, 0, resumed=False))

    def end(self) -> None:
        for session in self.sessions.values():
            session.end()
        self.sessions.clear()


def main() -> None:
    parser = argparse.ArgumentParser(description="A server that keeps the laws of resumption, or breaks one.")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--era", choices=ERAS, default=PROTOCOLS[-1], help="by resumption, or by tasks (default: %(default)s)"
    )
    parser.add_argument("--lie", default=Lie.NONE, help="which law to break, and how: see --list")
    parser.add_argument(
        "--list", action="store_true", help="name the lies, and the verdict that each deserves"
    )
    parser.add_argument(
        "--gallery", action="store_true", help="tell every lie at a path of its own: /NAME/mcp"
    )
    flags = parser.parse_args()
    lies = ERAS[flags.era]
    if flags.list:
        for lie, told in lies.items():
            print(f"{lie:<18}{told.verdict or '-':<17}{told.what}")
        return
    if flags.lie not in lies:
        parser.error(f"there is no lie {flags.lie!r} in this era: see --list")
    paths = {f"/{lie}/mcp": lie for lie in lies} if flags.gallery else {"/mcp": flags.lie}
    modern = flags.era == MODERN
    endpoints = [TasksEndpoint(TaskLie(lie)) if modern else Endpoint(Lie(lie)) for lie in paths.values()]
    routes = [Route(path, endpoint) for path, endpoint in zip(paths, endpoints, strict=True)]

    def end_streams() -> None:
        for endpoint in endpoints:
            endpoint.end()

    launch(Starlette(routes=routes), flags.host, flags.port, end_streams)


if __name__ == "__main__":
    in_order()
    main()

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
