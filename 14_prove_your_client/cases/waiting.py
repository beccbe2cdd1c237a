"""Waiting: a client comes back when it was asked to, and not sooner."""

from cases.case import case
from judging.play import Play
from judging.verdicts import BrokenError, Verdict, Weight
from judging.wire import Cut

CLAUSE = "Sending 6: the client MUST respect the retry field, waiting the given number of milliseconds"
STAKES = "A server that restarts is run over by all its clients at once."
TIMES = 6  # connections that bring one event each
LEAST = 0.05  # seconds between two of them, on the average; less is a tight loop


@case(
    7,
    Weight.MUST,
    "retry: 1500, and the stream ends: does it wait so long, each time?",
    Verdict.HASTY,
    clause=CLAUSE,
    stakes=STAKES,
)
async def retry_is_waited_for(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(1500))
    await call.say()
    await play.cut_and_wait(call, Cut.END)
    await call.say()
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    7,
    Weight.MUST,
    "retry: 40, then retry: 1500: does it wait as long as the newest says?",
    Verdict.HASTY,
    clause=CLAUSE,
    stakes=STAKES,
)
async def the_newest_retry_counts(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await call.add(call.new_notice(), play.ms(1500))
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    7,
    Weight.OURS,
    "The connection breaks: does it wait for retry: 1500 as well?",
    Verdict.HASTY,
    clause=CLAUSE + " (that a break counts as a close is our reading)",
    stakes=STAKES,
)
async def retry_after_a_break(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(1500))
    await call.say()
    await play.cut_and_wait(call, Cut.DROP)
    await call.respond()


@case(
    7,
    Weight.OURS,
    "No retry at all, and cut again and again: does it wait at least a moment?",
    Verdict.HASTY,
    Verdict.GAVE_UP,
    clause="Server-sent events: without retry the client waits for a time of its own, of a few seconds",
    stakes="A tight loop is an attack on the server.",
)
async def no_tight_loop(play: Play) -> None:
    call = await play.call()
    await call.prime()
    began = play.wire.now()
    for _ in range(TIMES):
        await call.say()
        await play.cut_and_wait(call, Cut.END, Verdict.GAVE_UP)
    each = (play.wire.now() - began) / TIMES
    if each < LEAST * play.pace:
        came = f"a GET each {each * 1000:.0f} ms"
        raise BrokenError(Verdict.HASTY, "a moment between a cut and the next GET", came)
    await call.respond()
