"""The page: the cable's state and what passes through it, live, and the switch."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from pathlib import Path

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from plumbing.cable import Action, Cable
from plumbing.event_stream import EventStream

PAGE = Path(__file__).parent / "page.html"
PAUSE = 0.05  # seconds between two pictures, at least: an eye sees no more
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def page(cable: Cable, lifespan: Lifespan) -> Starlette:
    async def picture(_request: Request) -> Response:
        return FileResponse(PAGE, media_type="text/html")

    async def live(_request: Request) -> Response:
        return EventStream(pictures(cable))

    async def do(request: Request) -> Response:
        """Press the switch: only this page may, not one that another site has brought along."""
        own = f"http://{request.headers.get('host')}"
        if request.headers.get("origin") != own:
            return PlainTextResponse("The switch is on this network's own page.", 403)
        try:
            cable.do(Action(request.path_params["action"]))
        except ValueError:
            return PlainTextResponse("There is no such switch.", 404)
        return Response(status_code=204)

    return Starlette(
        routes=[Route("/", picture), Route("/live", live), Route("/do/{action}", do, methods=["POST"])],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        lifespan=lifespan,
    )


async def pictures(cable: Cable) -> AsyncGenerator[bytes]:
    """What is to be seen now, and then each change."""
    seen = 0
    while not cable.is_removed:
        changed = cable.changed
        events: list[JsonValue] = [asdict(event) for event in cable.events if event.number > seen]
        seen = cable.number_of_events
        told: JsonValue = {
            "state": cable.state,
            "half": cable.half,
            "connections": cable.connections,
            "inFlight": cable.in_flight,
            "passed": cable.passed,
            "count": cable.number_of_events,
            "events": events,
        }
        yield f"data: {json.dumps(told)}\n\n".encode()
        await asyncio.sleep(PAUSE)
        await changed.wait()
