"""Servers that answer nonsense: whatever one says, the checker ends with a report, and not with a traceback.

uv run --group test python tests/lesson_12/nonsense.py --kinds 1000
uv run --group test python tests/lesson_12/nonsense.py --kinds 1 --first 417      this one again
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from random import Random

import bench
import httpx
from pydantic import JsonValue
from sound import Sound
from web import Out, Request, listening

from laboratory.checker import Order, examine
from laboratory.outcomes import UnfitError
from laboratory.peer import LONG, Peer
from laboratory.results import Report
from laboratory.tools import Arguments

LIMIT, PATIENCE, QUIET = 8.0, 0.3, 0.2
SLOW: Arguments = {"count": 4, "interval": 0.03}
FAST: Arguments = {"count": 30, "interval": 0}
AT_ONCE = 16
TYPES = ("", "text/event-stream", "application/json", "TEXT/EVENT-STREAM; x", "text/html", "\u00e9/\u00e9")
STATUSES = (200, 202, 204, 301, 302, 400, 401, 404, 405, 410, 429, 500, 503, 599)
SCRAPS = ("", "0", "-1", "true", "null", "id", "data", "\u2028", "\U0001f642", "9" * 30, "\ufeff", "[" * 3000)


def value(rng: Random, depth: int = 0) -> JsonValue:
    """Any JSON, often with the names that a message has."""
    names = ("jsonrpc", "id", "method", "params", "result", "error", "tools", "progressToken", "nextCursor")
    match rng.randrange(9 if depth < 4 else 6):
        case 0:
            return rng.choice((None, True, False))
        case 1:
            return rng.choice((0, 1, -1, 2**70, 1.5, 1e300))
        case 2 | 3:
            return rng.choice(SCRAPS)
        case 4:
            return rng.choice(("notifications/progress", "notifications/message", "2.0"))
        case 5:
            return []
        case 6:
            return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
        case _:
            return {rng.choice(names): value(rng, depth + 1) for _ in range(rng.randrange(5))}


def scrap(rng: Random) -> bytes:
    match rng.randrange(4):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            return json.dumps(value(rng)).encode()
        case 2:
            fields = ("id", "data", "retry", "event", "", "nonsense")
            lines = [f"{rng.choice(fields)}:{rng.choice(('', ' '))}{value(rng)}" for _ in range(4)]
            return rng.choice(("\n", "\r\n", "\r", "\n\n")).join([*lines, "", ""]).encode(errors="replace")
        case _:
            return b"data: " + json.dumps(value(rng)).encode() + b"\n\n"


class Nonsense(Sound):
    """Sound, but for one answer in some, or one event in some."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = Random(seed)  # noqa: S311 (to be repeated)
        self.often = self.rng.choice((1.0, 0.5, 0.2, 0.05, 0.0))
        self.in_events = self.rng.choice((0.0, 0.05, 0.3, 1.0))
        self.spares_initialize = self.rng.random() < 0.8

    async def serve(self, request: Request, out: Out) -> None:
        spared = self.spares_initialize and b'"initialize"' in request.body
        if spared or self.rng.random() >= self.often:
            return await super().serve(request, out)
        return await self.nonsense(out)

    async def nonsense(self, out: Out) -> None:
        rng = self.rng
        match rng.randrange(5):
            case 0:
                await out.raw(rng.randbytes(rng.randrange(100)))
                out.abort()
            case 1:
                out.abort()
            case 2:
                await out.json(
                    rng.choice(STATUSES), value(rng), {"mcp-session-id": rng.choice(("", "x y", "7"))}
                )
            case 3:
                await out.stream({"content-type": rng.choice(TYPES[1:5])})
                for _ in range(rng.randrange(6)):
                    await out.send(scrap(rng))
            case _:
                await out.whole(rng.choice(STATUSES), {"content-type": rng.choice(TYPES[:5])}, scrap(rng))

    def render(self, event_id: str, data: str) -> str:
        if self.rng.random() >= self.in_events:
            return super().render(event_id, data)
        broken: tuple[Callable[[], str], ...] = (
            lambda: "",
            lambda: super(Nonsense, self).render(str(self.rng.choice(SCRAPS)), data),
            lambda: super(Nonsense, self).render(event_id, json.dumps(value(self.rng))),
            lambda: super(Nonsense, self).render(event_id, data[: self.rng.randrange(len(data) + 1)]),
            lambda: scrap(self.rng).decode(errors="replace"),
        )
        return self.rng.choice(broken)()


async def said_of(seed: int) -> str:
    """What is wrong with how the checker took it; empty: nothing."""
    server = Nonsense(seed)
    async with (
        listening(server.serve, server.reads_at_most) as listener,
        httpx.AsyncClient(
            trust_env=False, timeout=LONG, limits=httpx.Limits(max_keepalive_connections=0)
        ) as http,
        httpx.AsyncClient(trust_env=False, timeout=LONG) as kept,
    ):
        tool = "count" if seed % 3 else "announce"
        order = Order(
            tool, SLOW, FAST, seed, quiet=QUIET, time_limit=LIMIT, thorough=0.1, long_args=SLOW, flood=60
        )
        report = Report(listener.url, tool, seed, "")
        peer = Peer(listener.url, http, {}, bench.PROTOCOL, PATIENCE, kept)
        [end] = await asyncio.gather(examine(peer, order, report, lambda: None), return_exceptions=True)
        for session in server.sessions.values():
            session.end()
    if end is not None and not isinstance(end, UnfitError):
        return f"a traceback: {end!r}"
    mishaps = {result.unknown for result in report.results if "error of the checker" in result.unknown}
    return "; ".join(sorted(mishaps))


async def all_of(first: int, kinds: int) -> dict[int, str]:
    slots = asyncio.Semaphore(AT_ONCE)
    wrong: dict[int, str] = {}

    async def one(seed: int) -> None:
        async with slots:
            if said := await said_of(seed):
                wrong[seed] = said
                print(f"{seed}: {said}", flush=True)

    async with asyncio.TaskGroup() as tasks:
        for seed in range(first, first + kinds):
            tasks.create_task(one(seed))
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description="Puts servers before the checker that answer nonsense.")
    parser.add_argument("--kinds", type=int, default=1000, help="how many (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: %(default)s)")
    flags = parser.parse_args()
    wrong = asyncio.run(all_of(flags.first, flags.kinds))
    print(f"{flags.kinds - len(wrong)} of {flags.kinds} ended with a report")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
