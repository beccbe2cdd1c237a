"""Grades the exercise from outside: a server on your buffer is cut and asked, and the buffer is emptied."""

import plumbing.ctrl_c

import asyncio
import sys
import tracemalloc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

from jobs.build import Build
from plumbing.grade import Grade
from plumbing.stage import BrokenError, Screen, Speaker, Stage
from proving.asking import Call, Session
from replay_buffer import EvictedError, NotIssuedError
from starting.own_buffer import made

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
PATIENCE = 60.0  # seconds for all; only what hangs uses them up
BUFFER, KEPT = "my_buffer:MyBuffer", 20
SHORT = Build(steps=16, interval=0.01)  # kept whole
LONG = Build(steps=60, interval=0.05)  # kept in part
UNREADABLE = (BrokenError, httpx.HTTPError, TimeoutError, ValueError, KeyError, TypeError)
SESSIONS, TEXT = 100, "x" * 2000


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[Speaker, str]]:
    where = ("--port", "0", "--storage", "memory", "--buffer", BUFFER)
    flags = ("--max-events", str(KEPT), "--ping", "1")
    async with STAGE.speaking("server", "server.py", *where, *flags) as server:
        try:
            async with asyncio.timeout(PATIENCE):
                address = await server.address()
        except BrokenError:
            raise BrokenError(said(server)) from None
        yield server, address


def said(server: Speaker) -> str:
    return next((line for line in reversed(server.lines) if line), "nothing")


async def grade_cuts(grade: Grade, session: Session) -> Call:
    call = Call(1)
    await session.call(call, SHORT)
    grade.holds(
        call.is_whole(SHORT) and call.follow_each_other(),
        "law 2, whole: cut after each four messages, a call comes once and in order",
        "Number each session's events 1, 2, 3, ... without a hole: `id_of(stream_of(session_id), number)`.",
    )
    _, _, again = await session.after(call.ids[0])
    grade.holds(
        [(event.id, event.data) for event in again] == [(event.id, event.data) for event in call.events[1:]],
        "law 1, stored, then sent: each event can be had again, with the same id",
        "`replay` gives what follows `after`, in order: its own events as they were recorded.",
    )
    return call


async def grade_sessions(grade: Grade, session: Session, other: Session) -> None:
    calls = [Call(2), Call(3), Call(4)]
    which = (session, session, other)
    await asyncio.gather(*(each.call(call, SHORT) for each, call in zip(which, calls, strict=True)))
    grade.holds(
        all(call.is_whole(SHORT) for call in calls),
        "law 4, own stream: three calls at once, in two sessions, keep to themselves",
        "What you are given as session_id names one stream: keep the events of each by that name.",
    )


async def grade_refusals(grade: Grade, session: Session, short: Call) -> None:
    stream = short.ids[0].rpartition("-")[0]
    never, _, _ = await session.after(f"{stream}-{len(short.ids) + 1}")
    grade.holds(
        never == 400,
        "law 7, said aloud: an id that was never issued is refused with 400",
        f"It was answered {never}. Raise NotIssuedError, or let `unbroken` do it: tell it the newest place.",
    )
    long = Call(5)
    await session.call(long, LONG, cut_after=1000)
    status, cursor, _ = await session.after(long.ids[0])
    grade.holds(
        status == 410,
        "law 7, said aloud: an id whose successors are gone is refused with 410",
        f"It was answered {status}. A hole must be seen: pass what you give back through `unbroken`.",
    )
    _, _, left = await session.after(cursor or long.ids[-KEPT - 1])
    grade.holds(
        KEPT <= len(left) <= 2 * KEPT and [event.id for event in left] == long.ids[-len(left) :],
        f"law 8, bounded: with --max-events {KEPT} the newest are kept, and no more than twice as many",
        f"Of {len(long.ids)} events {len(left)} could be had again. Drop the oldest as new ones come.",
    )


async def grade_forget(grade: Grade) -> None:
    """Asked directly: on the wire nobody sees what a session has left behind."""
    buffer = made(BUFFER, KEPT)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    last = ""
    for number in range(SESSIONS):
        for _ in range(KEPT):
            last = (await buffer.record(f"session {number}", f"{TEXT} {number}")).id
    for number in range(SESSIONS):
        await buffer.forget(f"session {number}")
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    forgotten = await buffer.replay(f"session {SESSIONS - 1}", None) == []
    with suppress(EvictedError, NotIssuedError):
        forgotten = forgotten and not await buffer.replay(f"session {SESSIONS - 1}", last)
    grade.holds(
        forgotten and left < SESSIONS * KEPT * len(TEXT) / 10,
        f"law 8, bounded: of {SESSIONS} sessions that have ended nothing is left",
        f"{left:,} bytes of {SESSIONS * KEPT * len(TEXT):,} are left after `forget`.",
    )


async def grade_on_the_wire(grade: Grade, url: str) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
        session, other = await Session(http, url).open(), await Session(http, url).open()
        short = await grade_cuts(grade, session)
        await grade_sessions(grade, session, other)
        await grade_refusals(grade, session, short)


async def grade() -> int:
    grade = Grade(STAGE)
    try:
        async with served() as (server, url):
            grade.holds(True, f"the server takes --buffer {BUFFER}", "")
            try:
                await grade_on_the_wire(grade, url)
            except UNREADABLE as error:
                what = str(error) or "It took too long."
                grade.holds(False, "a call comes to its end", f"{what} The server said: {said(server)}")
                return grade.verdict()
    except (BrokenError, TimeoutError) as error:
        hint = "Write my_buffer.py beside server.py: the README has its skeleton."
        grade.holds(False, f"the server takes --buffer {BUFFER}", f"{hint} {error}")
        return grade.verdict()
    try:
        await grade_forget(grade)
    except Exception as error:  # noqa: BLE001 (whatever your buffer raises)
        grade.holds(False, "it can be asked directly", f"{type(error).__name__}: {error}")
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "pydocket>=0.27,<0.28",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
