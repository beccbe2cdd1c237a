"""Run it twice: the first run dies with its call in flight, the second has the answer to that same call.

live    sent while the connection that brought it stood
missed  sent before, and kept by the server
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import contextlib
import sys
import time
from pathlib import Path

import httpx
from httpx_sse import EventSource, SSEError
from pydantic import JsonValue

from client_side.death import STAGES, Death
from client_side.handshake import handshake
from client_side.messages import Content, Message, Progress, RefusedError, ToolResult, Wire, events
from client_side.session_cache import SessionCache, UnusableError, forget, load
from plumbing.say import say

PROTOCOLS = ("2025-06-18", "2025-11-25")
WORK_LOST = -32010  # the server was killed at work
CALL_ID = 2  # 1 was that of the handshake


class NothingLeftError(Exception):
    """The answer will not come."""


class Client:
    def __init__(self, http: httpx.AsyncClient, flags: argparse.Namespace) -> None:
        self.wire, self.flags = Wire(http, flags.url), flags
        self.cache: SessionCache | None = None
        self.death = Death(flags.die_at)
        self.afresh = False
        self.city: str = flags.city or "Lisbon"
        self.retry = 1.0  # seconds until the next connection; `retry:` says how many
        self.began = time.time()
        self.stood: float | None = None  # when the connection stood that we read now
        self.patience = asyncio.timeout(flags.patience)  # begins anew with whatever comes

    async def run(self) -> ToolResult:
        """The result of the call in flight, or of a new one if there is none."""
        self.find_cache()
        async with self.patience:
            while True:
                try:
                    cache = self.cache or await self.initialize()
                    answer = await (self.call(cache) if cache.call_id is None else self.resume(cache))
                    result = await self.finish(cache, answer)
                    if cache.city == self.city:
                        return result
                    self.cache, self.began, self.stood = None, time.time(), None
                except (RefusedError, NothingLeftError) as why:
                    if self.cache is None or self.afresh:
                        raise
                    await self.start_afresh(self.cache, why)

    def find_cache(self) -> None:
        try:
            self.cache = load(self.flags.cache, self.flags.url)
        except UnusableError as why:
            say("afresh", f"{why}: a new session, and a new call. If it was in flight, it is done again")
        else:
            if self.cache is None:
                return
            self.find_call(self.cache)
        self.death.stage = "never"

    def find_call(self, cache: SessionCache) -> None:
        """An answer that waits is fetched first, also if another city is asked for now."""
        where = f"the session in {self.flags.cache}"
        if cache.call_id is None:
            say("resuming", f"{where}: no call was in flight")
            cache.city = self.flags.city or cache.city
        else:
            first = (
                f" for {cache.city}; then {self.city} is next"
                if self.flags.city not in (None, cache.city)
                else ""
            )
            say("resuming", f"{where}: its call is in flight{first}")
        self.city = self.flags.city or cache.city

    async def start_afresh(self, cache: SessionCache, why: Exception) -> None:
        """What cannot be resumed is not asked for again; that the work is done twice is said (law 7)."""
        say("refused" if isinstance(why, RefusedError) else "ended", str(why))
        if cache.city == self.city:
            say("afresh", "a new session and a new call: the work is done again")
        else:
            say(
                "afresh", f"a new session for {self.city}; the answer for {cache.city} cannot be had any more"
            )
        self.afresh, self.cache, self.stood = True, None, None
        await self.end_session(cache)

    async def initialize(self) -> SessionCache:
        self.death.at("connecting")
        url, protocol = self.flags.url, self.flags.protocol
        self.cache = await handshake(
            self.wire, url, protocol, self.city, lambda: self.death.at("initializing")
        )
        self.cache.save(self.flags.cache)
        say("session", f"opened with MCP {self.cache.protocol}")
        self.death.at("initialized")
        return self.cache

    async def call(self, cache: SessionCache) -> Message:
        ready: JsonValue = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        async with self.wire.post(ready, cache):
            pass
        self.death.at("ready")
        say("call", f"get_forecast for {cache.city}")
        cache.call_id, cache.began = CALL_ID, time.time()
        cache.save(self.flags.cache)  # before it is sent: whoever dies now must not have it done twice
        self.death.then = "it picks up this call"
        self.death.at("calling")
        params: JsonValue = {
            "name": "get_forecast",
            "arguments": {"city": cache.city},
            "_meta": {"progressToken": CALL_ID},
        }
        message: JsonValue = {"jsonrpc": "2.0", "id": CALL_ID, "method": "tools/call", "params": params}
        try:
            async with self.wire.post(message, cache, lambda: self.death.at("sent")) as source:
                self.stood = cache.began
                if cache.protocol < "2025-11-25":
                    self.death.at("called")
                answer, _ = await self.read(source, cache)
        except httpx.TransportError as error:
            say("lost", f"the connection ({type(error).__name__})")
            answer = None
        return answer or await self.resume(cache)

    async def resume(self, cache: SessionCache) -> Message:
        """A GET with `Last-Event-ID`, on as many connections as it takes."""
        empty, lost = 0, False
        while cache.last_event_id and empty < 2:
            if self.stood is not None:  # not the first connection: wait as long as the server asks
                await asyncio.sleep(self.retry)
            if not lost:
                say("GET", f"Last-Event-ID: {cache.last_event_id}")
            try:
                async with self.wire.listen(cache) as source:
                    self.stood = time.time()
                    answer, came = await self.read(source, cache)
            except httpx.TransportError as error:
                if self.stood is None:
                    raise  # no server is there at all
                if not lost:
                    say("lost", f"the connection ({type(error).__name__}); trying again")
                lost = True
                continue
            if answer:
                return answer
            empty, lost = 0 if came else empty + 1, False
        raise NothingLeftError("nothing follows this id, and the answer has not come")

    async def read(self, source: EventSource, cache: SessionCache) -> tuple[Message | None, bool]:
        """The answer, if this connection brings it, and whether anything came."""
        came = False
        async for event in events(source):
            came = True
            self.patience.reschedule(asyncio.get_running_loop().time() + self.flags.patience)
            if event.retry is not None:
                self.retry = event.retry / 1000
            message = Message.model_validate_json(event.data) if event.data else Message()
            if message.id == cache.call_id:
                if message.error and message.error.code == WORK_LOST:
                    raise NothingLeftError(message.error.message)
                self.death.at("answered")
                return message, came  # the cursor stays before it until it was shown
            if message.method == "notifications/progress":
                self.show(Progress.model_validate(message.params), cache)
            cache.last_event_id = event.id or cache.last_event_id
            cache.save(self.flags.cache)
            self.death.at("progress" if event.data else "called")
        return None, came

    def show(self, step: Progress, cache: SessionCache) -> None:
        cache.worked = step.progress
        missed = cache.began + step.progress < (self.stood or 0.0)
        say("missed" if missed else "live", f"{step.message}, {step.progress:g} s of {step.total:g}")

    async def finish(self, cache: SessionCache, answer: Message) -> ToolResult:
        """Show the forecast, and only then forget how to have it again."""
        if answer.error:
            result = ToolResult(content=[Content(text=answer.error.message)], isError=True)
        else:
            result = ToolResult.model_validate(answer.result)
        if not result.is_error:
            waited = time.time() - self.began
            say("forecast", result.text)
            say("time", f"the work took {cache.worked:g} s, and this run waited {waited:.1f} s for it")
            self.death.at("shown")
        forget(self.flags.cache)
        await self.end_session(cache)
        return result

    async def end_session(self, cache: SessionCache) -> None:
        with contextlib.suppress(httpx.TransportError):  # it ends by itself when it is idle
            await self.wire.delete(cache)


async def main(flags: argparse.Namespace) -> int:
    if flags.reset:
        forget(flags.cache)
        say("forgotten", f"{flags.cache}: the next run begins anew")
        return 0
    if flags.two_calls:
        from trick.two_calls import prove

        return await prove(flags.url, flags.patience)
    kept = f"what is in {flags.cache} is kept for the next run"
    try:
        loopback = httpx.URL(flags.url).host in ("127.0.0.1", "::1", "localhost")  # no proxy leads there
        timeout = httpx.Timeout(flags.patience, read=None)
        async with httpx.AsyncClient(timeout=timeout, trust_env=not loopback) as http:
            result = await Client(http, flags).run()
    except TimeoutError:
        say("failed", f"nothing has come for {flags.patience:g} s; {kept}")
    except httpx.TransportError as error:
        say("failed", f"{flags.url} cannot be reached ({error}). Start the server: uv run server.py; {kept}")
    except (RefusedError, NothingLeftError) as why:
        say("failed", str(why))
    except OSError as error:
        say("failed", f"{flags.cache} cannot be used ({error.strerror}): choose another with --cache")
    except (ValueError, KeyError, SSEError, httpx.InvalidURL) as error:
        say("failed", f"{flags.url} does not answer like the server of this lesson ({error!r})")
    else:
        if not result.is_error:
            return 0
        say("failed", result.text)
    return 1


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run it twice: the second run has the answer to the call of the first."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000/mcp", help="default: %(default)s")
    parser.add_argument("--city", help="default: that of the call in flight, or Lisbon")
    parser.add_argument("--protocol", choices=PROTOCOLS, default=PROTOCOLS[-1], help="default: %(default)s")
    parser.add_argument("--cache", type=Path, default=Path(".session_cache"), help="default: %(default)s")
    parser.add_argument("--reset", action="store_true", help="forget the call in flight")
    parser.add_argument(
        "--two-calls", action="store_true", help="two calls at once by the official client, and a cut"
    )
    parser.add_argument(
        "--die-at",
        choices=(*STAGES, "never"),
        default="called",
        metavar="MOMENT",
        help=f"where a first run dies: {', '.join(STAGES)}, never (default: %(default)s)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=30.0,
        help="give up after so many seconds of silence (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx2>=2.16,<3",
#   "httpx>=0.28,<1",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
