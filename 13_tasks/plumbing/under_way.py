"""What a session has under way ends before the session does.

A DELETE makes the SDK close the way into a session at once. A POST that has not got through by then fails in
the SDK with a traceback, or with a second answer after a 202. So whoever ends a session ends its POSTs first.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plumbing.door import Refusal
from plumbing.jsonrpc import SESSION_NOT_FOUND

JUST_ENDED = "This session has just ended: initialize a new one."


class UnderWay:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._posts: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)  # by session
        self._ending: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session_id = Headers(scope=scope).get("mcp-session-id", "")
        if scope["method"] == "DELETE":
            await self._end_session(session_id, scope, receive, send)
            return
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        if session_id in self._ending:
            raise Refusal(404, JUST_ENDED, SESSION_NOT_FOUND)
        begun = ended = False

        async def watch(message: Message) -> None:
            nonlocal begun, ended
            begun, ended = True, not message.get("more_body", message["type"] == "http.response.start")
            await send(message)

        post = asyncio.timeout(None)  # it has all the time that it wants, until `end` says that it is over
        self._posts[session_id].add(post)
        try:
            async with post:
                await self._app(scope, receive, watch)
        except TimeoutError:
            if not post.expired():
                raise
            if not begun:
                await Refusal(404, JUST_ENDED, SESSION_NOT_FOUND).response()(scope, receive, send)
            elif not ended:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._posts[session_id].discard(post)
            if not self._posts[session_id]:
                del self._posts[session_id]

    async def _end_session(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._ending.add(session_id)
        try:
            end(self._posts.get(session_id, ()))
            await asyncio.sleep(0)  # they hear of it first
            await self._app(scope, receive, send)
        finally:
            self._ending.discard(session_id)

    def end_all(self) -> None:
        for posts in self._posts.values():
            end(posts)


def end(posts: Iterable[asyncio.Timeout]) -> None:
    now = asyncio.get_running_loop().time()
    for post in posts:
        if not post.expired():
            post.reschedule(now)
