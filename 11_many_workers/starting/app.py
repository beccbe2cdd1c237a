"""One worker: its server and its share of the work, on a storage that it opens itself."""

import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from answering.endpoint import Endpoint, Running
from plumbing.door import Guard
from plumbing.launch import before_exit
from starting.limits import Settings
from starting.storage import opened
from worker import working

if TYPE_CHECKING:
    from server import MCPServer


def app_of(server_class: "type[MCPServer]", settings: Settings) -> Starlette:
    limits = settings.limits
    guarded = Guard(Endpoint(limits), limits)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[dict[str, Running]]:
        form = "worker %(process)d  %(message)s"
        logging.basicConfig(level=logging.INFO, format=form, stream=sys.stdout)
        logging.getLogger("docket").setLevel(logging.CRITICAL)  # its tracebacks are not for users
        async with opened(settings) as storage:
            server = server_class(
                sse_broker=storage.broker,
                sse_replay_buffer=storage.buffer,
                sessions=storage.sessions,
                limits=limits,
            )
            async with working(storage, server, limits) as work:
                with before_exit(server.close):
                    yield {"running": Running(server, work)}

    return Starlette(routes=[Route("/mcp", guarded), Route("/mcp/", guarded)], lifespan=lifespan)
