"""Two eras at one endpoint: what a request says of its protocol decides which way it goes."""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from journal import MODERN
from plumbing.before_sdk import with_body, with_plain_headers
from plumbing.body import Bodies


class Eras:
    def __init__(self, sdk: ASGIApp, by_resumption: ASGIApp, bodies: Bodies) -> None:
        self._sdk, self._by_resumption, self._bodies = sdk, by_resumption, bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.headers.get("mcp-protocol-version") != MODERN:
            await self._by_resumption(scope, receive, send)  # sessions, event ids: lesson 08
            return
        if request.method == "POST":
            receive = with_body(await self._bodies.read(request), receive)
        await self._sdk(with_plain_headers(scope), receive, send)  # each request is complete in itself
