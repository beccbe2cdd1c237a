"""Teaching apparatus, not part of a server: a connection that is lost when the client asks for it.

`X-Simulate-Drop: after-priming` on a request ends its response after the first event; the tool works on.
Postman and newman cannot cut a connection themselves.
"""

import logging

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("server")


class SimulatedDrop:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or Headers(scope=scope).get("x-simulate-drop") != "after-priming":
            await self._app(scope, receive, send)
            return
        dropped = False

        async def send_first(message: Message) -> None:
            nonlocal dropped
            if dropped:
                return
            if message.get("body"):
                dropped = True
                log.info("connection dropped after its first event, as the client asked")
                message = {**message, "more_body": False}  # the app's `receive` hears of a disconnect next
            await send(message)

        await self._app(scope, receive, send_first)
