"""Follows a long build over a network that stays away, and proves what it had of it, and what not.

stall    nothing comes for a while: waited for, or resumed after the last event id; nothing is lost
gone     the outage was longer than the server's window: messages are lost, and the result is not
afresh   the server has forgotten the session: a new one, and the same call with the same key
patience seconds without a single message after which it is given up
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import contextlib
import random
import sys
import uuid
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit

import httpx
from httpx_sse import ServerSentEvent
from pydantic import JsonValue, ValidationError

from plumbing.link import LOST, Link, RefusedError
from plumbing.say import say
from plumbing.screen import Screen
from proof import Proof

KEY = "example.com/idempotency-key"
MOST_REFUSALS = 3  # without a message between them: nobody loops


class Client:
    def __init__(self, link: Link, flags: argparse.Namespace, proof: Proof, screen: Screen) -> None:
        self.link, self.flags, self.proof, self.screen = link, flags, proof, screen
        self.patience = asyncio.timeout(flags.patience)  # begins anew with each message
        self.failures = self.refusals = 0  # since the last message
        self.calls = 0

    async def run(self) -> None:
        """Connect again and again, until the result is there."""
        async with self.patience:
            while True:
                try:
                    await self.follow_one_connection()
                    if self.proof.outcome:
                        break
                    say("lost", "the stream ended before the result came")
                except LOST as error:
                    if not self.link.session and not self.calls:
                        raise  # nobody was there in the first place
                    is_silent = isinstance(error, httpx.ReadTimeout)
                    say("silence" if is_silent else "lost", f"the connection ({type(error).__name__})")
                except RefusedError as refused:
                    self.go_on_after(refused)
                    continue
                await self.rest()
            with contextlib.suppress(*LOST):
                await self.link.end()

    async def follow_one_connection(self) -> None:
        if not self.link.session:
            await self.link.initialize()
        async with contextlib.aclosing(self.connect()) as events:
            async for event in events:
                if event.event == "open":
                    self.proof.back()
                elif event.data and event.event == "message":  # a priming event has no data
                    self.take(event.data)
                    if self.proof.outcome:
                        return  # whether the stream ends or not

    def connect(self) -> AsyncGenerator[ServerSentEvent]:
        """Resume where there is a cursor; else call, and with the same key, so that it is the same build."""
        if self.link.cursor is not None:
            return self.link.resume(self.link.cursor)
        if self.calls:
            self.proof.know_of_a_gap()
        self.calls += 1
        again = "again " if self.calls > 1 else ""
        say("call", f"build_project, {again}with the key {self.flags.key}")
        meta: JsonValue = {KEY: self.flags.key, "progressToken": self.calls}
        arguments: JsonValue = {"steps": self.flags.steps, "seconds": self.flags.seconds}
        return self.link.call({"name": "build_project", "arguments": arguments, "_meta": meta})

    def take(self, data: str) -> None:
        was_afresh = self.proof.is_afresh
        came = self.proof.take(data)
        if self.proof.is_afresh and not was_afresh:
            say("afresh", "the server does not know the build: it has begun another one")
        if came:
            how, step = came
            if gap := self.proof.gap_before(step.step):
                say("gone", f"{gap}: their messages will not come any more")
            self.screen.step(how, step.step, step.line)
        self.failures = self.refusals = 0
        self.patience.reschedule(asyncio.get_running_loop().time() + self.flags.patience)

    def go_on_after(self, refused: RefusedError) -> None:
        """What cannot be resumed is not asked for again: call once more, with the same key."""
        say("refused", str(refused))
        self.refusals += 1
        if self.refusals > MOST_REFUSALS:
            raise refused
        if refused.status == 404:
            say("afresh", "the server has forgotten the session: a new one")
            self.link.session, self.link.cursor = {}, None
        elif refused.status == 410 and self.link.cursor is not None:
            say("gone", f"what came after {self.link.cursor}; the key still brings the result")
            self.link.cursor = None
        else:
            raise refused

    async def rest(self) -> None:
        """At least as long as the server asks, then longer each time, and never all clients at once."""
        self.proof.lost()
        self.failures += 1
        spread = min(self.flags.longest_wait, self.link.retry * 2 ** min(self.failures, 20))
        wait = self.link.retry + random.random() * spread  # noqa: S311 (nobody gains by guessing it)
        self.screen.away("away")
        say("waiting", f"{wait:.1f} s")
        await asyncio.sleep(wait)


async def main(flags: argparse.Namespace) -> int:
    proof, screen = Proof(flags.steps), Screen(flags.steps)
    try:
        # No environment proxies: the network under test is the only one between us.
        async with httpx.AsyncClient(timeout=httpx.Timeout(flags.silence), trust_env=False) as http:
            with screen.shown():
                await Client(Link(http, flags.url), flags, proof, screen).run()
        wrong = proof.fault()
    except TimeoutError:
        wrong = f"no message has come for {flags.patience:g} s: the network is away, or the server gone"
    except httpx.TransportError as error:
        wrong = f"{flags.url} cannot be reached ({error}): start `uv run server.py` and `uv run network.py`"
    except RefusedError as refused:
        wrong = str(refused)
    except (ValidationError, ValueError, KeyError):
        wrong = f"{flags.url} does not answer as this lesson's server does"
    wrong = wrong or disproof(proof, flags.expect)
    if wrong:
        say("failed", wrong)
        return 1
    say("proven", verdict(proof))
    return 0


def disproof(proof: Proof, expected: str | None) -> str | None:
    """Why a run in which nothing went wrong proves nothing."""
    if expected not in (None, proof.kind):
        return f"this run was to show {expected!r}, and has shown {proof.kind!r}"
    if proof.kind == "whole" and not proof.alone and not proof.late:
        return "whole, but nothing was sent while nobody was connected: cut the network for longer"
    return None


def verdict(proof: Proof) -> str:
    whole = f"{proof.steps} of {proof.steps} steps came, each once and in order"
    match proof.kind:
        case "whole":
            how = f"{proof.alone} of them made while nobody was connected"
            return f"{whole}; {how if proof.alone else f'{proof.late} of them late'}"
        case "gone":
            return f"the result of the one build, though the messages of {len(proof.gone)} steps are gone"
        case _:
            rest = f"but for {len(proof.gone)} steps that are gone" if proof.gone else whole
            return f"a fresh start, and a whole build: {rest}"


def url(text: str) -> str:
    if urlsplit(text).port == 0:  # which is a ValueError for what is no port
        raise ValueError(text)
    return text


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Follows a long build over a network that stays away.")
    add = parser.add_argument
    add(
        "--url",
        type=url,
        default="http://127.0.0.1:9000/mcp",
        help="of network.py, or of the server (default: %(default)s)",
    )
    add("--steps", type=int, default=60, help="steps of the build (default: 60)")
    add("--seconds", type=float, default=30.0, help="how long it takes (default: 30)")
    add("--key", default=f"build-{uuid.uuid4().hex[:12]}", help="idempotency key (default: a new one)")
    add("--patience", type=float, default=600.0, help="seconds without a message to go on for (default: 600)")
    add("--longest-wait", type=float, default=5.0, help="seconds that backoff adds, at most (default: 5)")
    add(
        "--silence",
        type=float,
        default=15.0,
        help="seconds of silence that mean a dead connection (default: 15)",
    )
    add("--expect", choices=("whole", "gone", "afresh"), help="what this run is to show; anything else fails")
    flags = parser.parse_args()
    if flags.steps < 1 or flags.seconds < 0 or min(flags.patience, flags.silence, flags.longest_wait) <= 0:
        parser.error("steps and seconds are above 0")
    return flags


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
