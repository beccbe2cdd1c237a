"""A reader that stays connected and stops reading is let go, since it holds up its whole session (law 8)."""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("server")


class SlowReader:
    """While the socket is full `send` waits, and the SDK's message router with it."""

    def __init__(self, app: ASGIApp, max_stall: float) -> None:
        self._app, self._max_stall = app, max_stall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        let_go = asyncio.Event()

        async def send_within(message: Message) -> None:
            if let_go.is_set():
                return
            try:
                async with asyncio.timeout(self._max_stall):
                    await send(message)
            except TimeoutError:
                log.info("a reader has stopped reading for %g s: let go", self._max_stall)
                let_go.set()

        async def receive_or_let_go() -> Message:
            """To the app it is a lost connection, and those it knows how to end."""
            message = asyncio.ensure_future(receive())
            waiting = asyncio.ensure_future(let_go.wait())
            try:
                await asyncio.wait((message, waiting), return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                message.cancel()
                waiting.cancel()

        await self._app(scope, receive_or_let_go, send_within)
