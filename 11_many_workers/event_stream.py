"""A response that is a stream of events: sent until they end, or nobody reads them any more."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], max_stall: float) -> None:
        super().__init__(headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._max_stall = max_stall

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.TaskGroup() as both:
            writer = both.create_task(self._write(send))
            watcher = both.create_task(disconnected(receive))
            writer.add_done_callback(lambda _: watcher.cancel())
            watcher.add_done_callback(lambda _: writer.cancel())

    async def _write(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as stall, aclosing(self._events):
                async for event in self._events:
                    # `send` waits while the socket is full: a reader who stops reading holds no more than a
                    # write or two, and not for ever (law 8).
                    stall.reschedule(now() + self._max_stall)
                    await send({"type": "http.response.body", "body": event, "more_body": True})
                    stall.reschedule(None)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            log.info("a reader has not read for %g s: let go", self._max_stall)


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
