"""The page's server: the record as a stream that can be resumed, by our own laws.

id   names the recording and the fact's number in it; what follows it is sent, whole and once
"""

import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workshop.wire.record import Record
from workshop.wire.saved import as_page, part

LOOPBACK = ["127.0.0.1", "localhost"]
PING = 15.0  # seconds of silence, at the most
MOST_AT_ONCE = 500  # facts in one write
HEADERS = {
    "content-security-policy": "default-src 'none'; img-src data:; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
TYPES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
Break = Callable[[int], Awaitable[str | None]]  # begins a run, or says why not


class OwnPageOnly:
    """Another site's page has no business here; and what is sent says how it may be used."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        origin, host = request.headers.get("origin"), request.headers.get("host", "")
        from_elsewhere = request.headers.get("sec-fetch-site") == "cross-site"
        if from_elsewhere or (origin is not None and urlsplit(origin).netloc != host):
            refusal = PlainTextResponse("Only this page itself may ask here.", 403)
            await refusal(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            await send(message)

        await self._app(scope, receive, with_headers)


class Pages:
    def __init__(self, record: Record, break_it: Break) -> None:
        self._record, self._break_it = record, break_it
        self._name = secrets.token_hex(4)
        self._is_closed = False

    def app(self) -> Starlette:
        routes = [Route(path, self._file) for path in TYPES]
        routes += [
            Route("/live", self._live),
            Route("/run.html", self._whole),
            Route("/break/{row:int}", self._break, methods=["POST"]),
        ]
        hosts = Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)
        return Starlette(routes=routes, middleware=[hosts, Middleware(OwnPageOnly)])

    async def _file(self, request: Request) -> Response:
        name, kind = TYPES[request.url.path]
        return Response(part(name), media_type=kind)

    async def _whole(self, _request: Request) -> Response:
        named = {"content-disposition": 'attachment; filename="run.html"'}
        return Response(as_page(self._record.facts), media_type="text/html", headers=named)

    async def _break(self, request: Request) -> Response:
        if request.headers.get("origin") is None:
            return PlainTextResponse("Only this page itself may ask here.", 403)
        why_not = await self._break_it(request.path_params["row"])
        return PlainTextResponse(why_not, 409) if why_not else Response(status_code=204)

    async def _live(self, request: Request) -> Response:
        last = request.headers.get("last-event-id")
        seen = 0
        if last is not None:
            name, _, number = last.partition("-")
            if name != self._name or not number.isdecimal() or int(number[:9]) > len(self._record.facts):
                return PlainTextResponse("Not an id of this recording: begin without Last-Event-ID.", 410)
            seen = int(number[:9])
        return StreamingResponse(self._follow(seen), media_type="text/event-stream")

    async def _follow(self, seen: int) -> AsyncGenerator[bytes]:
        """Backlog and live tail are one sequence: one list, read with one cursor."""
        yield b"retry: 500\n\n"
        while not self._is_closed:
            changed = self._record.changed
            if facts := self._record.facts[seen : seen + MOST_AT_ONCE]:
                seen += len(facts)
                yield b"".join(
                    f"id: {self._name}-{fact['n']}\ndata: {json.dumps(fact)}\n\n".encode() for fact in facts
                )
                continue
            try:
                async with asyncio.timeout(PING):
                    await changed.wait()
            except TimeoutError:
                yield b": still here\n\n"

    def close(self) -> None:
        self._is_closed = True
        self._record.changed.set()


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Signals are the stage's."""
        yield


@contextlib.asynccontextmanager
async def served(record: Record, break_it: Break, port: int = 0) -> AsyncGenerator[str]:
    """The page's address, while it is served."""
    listener = socket.create_server(("127.0.0.1", port))
    pages = Pages(record, break_it)
    config = uvicorn.Config(
        pages.app(), log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=2
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        pages.close()
        server.should_exit = True
        await serving
