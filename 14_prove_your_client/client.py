"""An honest client: calls the tool `count`, prints its text, and is cut as often as you like.

uv run client.py --lie keep-the-first-id      `--list` names the lies; each is an `if` that is marked LIE

cursor   the id of the newest event that came whole; each stream has its own
lost     the connection, which is no reason to cancel: wait, and go on after the cursor
refused  what the server will not resume; that is an error at once, and nobody asks for ever
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import json
import ssl
import sys
import time
from collections.abc import AsyncGenerator, Callable
from functools import cache

import httpx
from pydantic import JsonValue, ValidationError

from honest.event_source import Event, EventSource
from honest.lies import LIES, Lie
from honest.messages import INFO, LEGACY, LostError, Message, notification, request, text_of
from honest.modern import Modern

ACCEPT = {"accept": "application/json, text/event-stream"}
LONGEST_WAIT = 2.0  # seconds between two tries, unless the server asks for more
MOST_5XX = 3


class RefusedError(LostError):
    def __init__(self, status: int, say: str) -> None:
        super().__init__(f"refused: {say}")
        self.status = status


class Client:
    def __init__(
        self, http: httpx.AsyncClient, flags: argparse.Namespace, say: Callable[[str], None]
    ) -> None:
        self.http, self.url, self.flags, self.say = http, flags.url, flags, say
        self.lie: Lie = flags.lie
        self.session: dict[str, str] = {}  # the headers that name it
        self.newest: str | None = None  # LIE: one cursor for all streams

    async def follow(self, message: dict[str, JsonValue] | None) -> Message:
        """Reads a stream to its response, on as many connections as that takes."""
        source = EventSource(self.flags.retry, counts_halves=self.lie is Lie.COUNT_HALVES)
        method, cursor, wait, errors = ("POST" if message else "GET"), None, 0.0, 0
        heard = time.monotonic()
        while True:
            try:
                async for event in self.events(method, message, cursor, source):
                    heard, wait, errors = time.monotonic(), 0.0, 0
                    if answer := await self.handle(event, message):
                        return answer
            except httpx.TransportError as error:
                if time.monotonic() - heard > self.flags.patience or (
                    self.lie is Lie.ONE_TRY and cursor
                ):  # LIE
                    raise LostError(f"the server is not found again ({type(error).__name__})") from None
            except RefusedError as refused:
                errors += 1
                if (refused.status < 500 or errors >= MOST_5XX) and self.lie is not Lie.ASK_FOR_EVER:  # LIE
                    raise
            cursor = await self.cut(source, cursor, message)
            wait = max(source.retry, min(wait * 2, LONGEST_WAIT))
            await asyncio.sleep(0.001 if self.lie is Lie.BACK_AT_ONCE else wait)  # LIE
            method = "POST" if self.lie is Lie.CALL_AGAIN and message else "GET"  # LIE

    async def cut(self, source: EventSource, before: str | None, message: dict[str, JsonValue] | None) -> str:
        """The cursor to go on with; without one nothing can be resumed."""
        if self.lie is Lie.CANCEL_ON_CUT and message:  # LIE
            gone = notification("notifications/cancelled", {"requestId": message["id"]})
            await self.http.post(self.url, json=gone, headers=ACCEPT | self.session)
        cursor = source.cursor
        if self.lie is Lie.KEEP_THE_FIRST_ID:  # LIE
            cursor = before or cursor
        if self.lie is Lie.ONE_CURSOR:  # LIE
            cursor = self.newest
        if cursor is None or self.lie is Lie.NEVER_COME_BACK:  # LIE
            raise LostError("the connection was lost, and there is no id to go on with")
        return cursor

    async def events(
        self, method: str, message: dict[str, JsonValue] | None, cursor: str | None, source: EventSource
    ) -> AsyncGenerator[Event]:
        """What one connection brings."""
        headers = ACCEPT | self.session
        if method == "GET" and cursor:
            headers["last-event-id"] = cursor
            if self.lie is Lie.FORGET_HEADERS:  # LIE
                del headers["mcp-session-id"]
        source.connect()
        held: list[Event] = []  # LIE
        body = message if method == "POST" else None
        async with self.http.stream(method, self.url, json=body, headers=headers) as response:
            await self.check(response)
            if is_json(response):
                yield Event("message", (await response.aread()).decode())
                return
            async for chunk in response.aiter_bytes():
                for event in source.feed(chunk):
                    self.newest = source.cursor or self.newest
                    if self.lie is Lie.NEWEST_FIRST and cursor and '"method"' in event.data:  # LIE
                        held.insert(0, event)
                        continue
                    for late in held:
                        yield late
                    held.clear()
                    yield event
        for late in held:
            yield late

    async def handle(self, event: Event, asked: dict[str, JsonValue] | None) -> Message | None:
        """Notices go to the user, the server's questions are answered, and the response is given back."""
        if event.kind != "message":
            return None
        message = Message.model_validate_json(event.data)
        if message.method and message.id is not None:
            await self.reply(message)
        elif message.method:
            self.show(event.data)
        elif asked and message.id == asked["id"]:
            if self.lie is Lie.WAIT_FOR_THE_END:  # LIE
                await asyncio.Event().wait()
            return message
        return None

    async def reply(self, question: Message) -> None:
        if self.lie is Lie.ANSWER_NO_PING:  # LIE
            return
        error: JsonValue = {"code": -32601, "message": f"There is no {question.method} here."}
        told: dict[str, JsonValue] = {"result": {}} if question.method == "ping" else {"error": error}
        await self.http.post(
            self.url, json={"jsonrpc": "2.0", "id": question.id, **told}, headers=ACCEPT | self.session
        )

    async def check(self, response: httpx.Response) -> None:
        """What is refused is said; when the session has ended, there is a new one for the next call."""
        if response.status_code == 404 and self.session:
            before, self.session = self.session, {}
            await self.initialize(before if self.lie is Lie.KEEP_THE_SESSION else {})  # LIE
            raise RefusedError(
                404, "the session has ended. There is a new one: call again if that does no harm"
            )
        if response.is_error:
            reason = " ".join((await response.aread()).decode(errors="replace").split())[:200]
            raise RefusedError(response.status_code, f"{response.status_code} {reason}")
        if not is_json(response) and not response.headers.get("content-type", "").startswith(
            "text/event-stream"
        ):
            raise RefusedError(406, f"this is no stream, but {response.headers.get('content-type')}")

    async def initialize(self, session: dict[str, str]) -> None:
        params: JsonValue = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": INFO}
        response = await self.http.post(
            self.url, json=request(1, "initialize", params), headers=ACCEPT | session
        )
        await self.check(response)
        result = Message.model_validate_json(response.content).result or {}
        self.session = {"mcp-protocol-version": str(result.get("protocolVersion", LEGACY))}
        if session_id := response.headers.get("mcp-session-id"):
            self.session["mcp-session-id"] = session_id
        ready = notification("notifications/initialized")
        await self.http.post(self.url, json=ready, headers=ACCEPT | self.session)

    async def run(self) -> None:
        modern = Modern(self.http, self.url, self.show)
        if await modern.is_spoken():
            self.say(text_of(await modern.call()))
            return
        await self.initialize({})
        standing = asyncio.create_task(self.follow(None))
        try:
            calls = [self.call(number) for number in range(2, 2 + self.flags.calls)]
            for answer in await asyncio.gather(*calls):
                self.say(text_of(answer))
        finally:
            standing.cancel()
            await asyncio.wait({standing})
        await self.http.delete(self.url, headers=self.session)

    async def call(self, number: int) -> Message:
        return await self.follow(request(number, "tools/call", {"name": "count", "arguments": {}}))

    def show(self, data: str) -> None:
        """What a user's handler gets."""
        told = json.loads(data).get("params", {}).get("data")
        if isinstance(told, str) and len(told) < 200:
            self.say(told)


def is_json(response: httpx.Response) -> bool:
    return response.headers.get("content-type", "").startswith("application/json")


@cache
def trust() -> ssl.SSLContext:
    """Made once, since it takes its time."""
    return httpx.create_ssl_context(trust_env=False)


async def call_once(flags: argparse.Namespace, say: Callable[[str], None]) -> int:
    """The exit code: 0 when the tool's text was printed."""
    try:
        timeout = httpx.Timeout(flags.patience, read=None)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False, verify=trust()) as http:
            await Client(http, flags, say).run()
    except LostError as lost:
        if flags.lie is Lie.SAY_NOTHING:  # LIE
            return 0
        say(f"failed: {lost}")
        return 1
    except httpx.TransportError as error:
        say(f"failed: {flags.url} cannot be reached ({type(error).__name__}): start the server first")
        return 1
    except (ValidationError, ValueError):
        say("failed: what came is no message")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Calls the tool `count` once, however often it is cut.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000/mcp", help="(default: %(default)s)")
    add("--calls", type=int, default=1, help="so many at the same time (default: %(default)s)")
    add("--retry", type=float, default=1.0, help="seconds, if the server does not say (default: %(default)g)")
    add("--patience", type=float, default=30.0, help="seconds until it gives up (default: %(default)g)")
    add("--lie", type=Lie, choices=list(Lie), default=Lie.NONE, help="what to do wrong")
    add("--list", action="store_true", help="name the lies, and the verdict that each deserves")
    return parser


async def main() -> int:
    flags = parser().parse_args()
    if flags.list:
        for lie, told in LIES.items():
            print(f"{lie:<18}{told.verdict or '-':<17}{told.what}")
        return 0
    return await call_once(flags, lambda line: print(line, flush=True))


if __name__ == "__main__":
    sys.exit(run(main()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
