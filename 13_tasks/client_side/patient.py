"""The SDK's client ends with the first connection that it loses. With this a request fails, and it lives on.

A connection that cannot be had, or breaks before its answer is whole, becomes an error response.
"""

from collections.abc import Callable

import httpx2
from mcp.types import CONNECTION_CLOSED


class Patient(httpx2.AsyncBaseTransport):
    def __init__(self, on_sent: Callable[[str], None] = lambda _: None) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._on_sent = on_sent

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        async def trace(event: str, _info: object) -> None:
            if event == "http11.send_request_body.complete":
                self._on_sent(request.headers.get("mcp-method", ""))

        request.extensions = {**request.extensions, "trace": trace}
        try:
            response = await self._inner.handle_async_request(request)
            if response.headers.get("content-type", "").startswith("application/json"):
                await response.aread()
        except httpx2.TransportError as error:
            say = f"the connection was lost ({type(error).__name__})"
            lost = {"jsonrpc": "2.0", "id": None, "error": {"code": CONNECTION_CLOSED, "message": say}}
            return httpx2.Response(503, json=lost, request=request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
