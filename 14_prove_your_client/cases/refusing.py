"""Refused: what cannot be resumed is an error for the caller, soon, and nobody asks for ever."""

import json
from collections.abc import Awaitable, Callable

from cases.case import Ends, case
from judging.play import LOOP, Play
from judging.verdicts import BrokenError, NotReachedError, Verdict, Weight
from judging.wire import Asked, Cut

STAKES = "The caller waits for ever, or the server is asked for ever."
PAGE = b"<!doctype html><title>Sign in</title><h1>Please sign in</h1>"
WORDS = {
    400: "Not an event id of this session.",
    401: "Who are you?",
    404: "This session has ended.",
    405: "There is no stream here.",
    410: "What came next is no longer kept.",
    500: "Something is broken.",
}
SILENT_SPEC = "The specification does not say what a refused resume means"


async def cut_and_refuse(play: Play, refusal: Callable[[Asked], Awaitable[None]]) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    play.refusal = refusal
    await call.cut(Cut.END)
    if not await play.until(lambda: play.refused) and play.has_ended:
        raise NotReachedError("it did not come back, so nothing was refused")
    await play.until(lambda: play.refused > LOOP)
    if play.refused > LOOP:
        came = f"{play.refused} GETs, each refused, in {play.wire.now():.1f} s"
        raise BrokenError(Verdict.ENDLESS, f"at most {LOOP} tries, then an error for the caller", came)


def refuse(status: int) -> Callable[[Asked], Awaitable[None]]:
    async def answer(asked: Asked) -> None:
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": WORDS[status]}}
        await asked.answer(status, json.dumps(error).encode())

    return answer


def add(status: int, clause: str) -> None:
    @case(
        7,
        Weight.OURS,
        f"A resume is refused with {status}: is it an error for the caller, without a loop?",
        Verdict.ENDLESS,
        clause=clause,
        stakes=STAKES,
        ends=Ends.ERROR,
        name=f"refused with {status}",
    )
    async def refused(play: Play) -> None:
        await cut_and_refuse(play, refuse(status))


for number, why in (
    (400, SILENT_SPEC),
    (401, "Authorization: 401 asks for a token; without one there is nothing to gain"),
    (405, "Listening 3: 405 says that there is no stream here"),
    (410, SILENT_SPEC),
    (500, SILENT_SPEC),
):
    add(number, why)


@case(
    7,
    Weight.OURS,
    "A resume is answered by an HTML page: is it an error for the caller, without a loop?",
    Verdict.ENDLESS,
    clause="Listening 3: the server MUST return text/event-stream, or 405",
    stakes=STAKES,
    ends=Ends.ERROR,
)
async def an_html_page(play: Play) -> None:
    async def answer(asked: Asked) -> None:
        await asked.answer(200, PAGE, "text/html")

    await cut_and_refuse(play, answer)


@case(
    7,
    Weight.OURS,
    "A resume is refused with 404, the session has ended: does the caller get an error or an answer?",
    Verdict.ENDLESS,
    clause="Session 3: the server MUST respond with 404 after a session has ended",
    stakes=STAKES,
    ends=Ends.EITHER,
    name="refused with 404",
)
async def refused_with_404(play: Play) -> None:
    async def answer(asked: Asked) -> None:
        play.manners.end_session()
        await refuse(404)(asked)

    await cut_and_refuse(play, answer)


@case(
    7,
    Weight.MUST,
    "After that 404, does it open a new session, without the old id?",
    Verdict.GAVE_UP,
    Verdict.FOREIGN_SESSION,
    clause="Session 4: it MUST start a new session by an InitializeRequest without a session id",
    stakes="The user has to start the program anew.",
    ends=Ends.EITHER,
)
async def a_new_session_after_a_404(play: Play) -> None:
    await refused_with_404(play)
    if play.manners.initialized[-1].at < (play.manners.ended_at or 0.0):
        raise BrokenError(Verdict.GAVE_UP, "a new initialize after the 404", f"none: {play.ended()}")
