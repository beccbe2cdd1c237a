"""Ending: the response ends the call, whatever becomes of the stream."""

from cases.case import case
from judging.play import Play
from judging.verdicts import Weight
from judging.wire import Cut

CLAUSE = "Sending 6: after the response the server SHOULD terminate the stream; it need not have"
STAKES = "The caller waits for an end of the connection, and has its answer already."


@case(
    6,
    Weight.OURS,
    "The response is there, and the stream stays open: is the call over?",
    clause=CLAUSE,
    stakes=STAKES,
)
async def the_stream_stays_open(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.respond(end=False)


@case(
    6,
    Weight.OURS,
    "The response comes on a resumed stream, which stays open: is the call over?",
    clause=CLAUSE,
    stakes=STAKES,
)
async def a_resumed_stream_stays_open(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await play.cut_and_wait(call, Cut.END)
    await call.respond(end=False)


@case(
    6,
    Weight.OURS,
    "The response came with the last bytes before a break: is the call over, and not resumed?",
    clause=CLAUSE,
    stakes="A client that comes back for what it has waits for nothing.",
)
async def broken_after_the_response(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.respond(end=False)
    await call.cut(Cut.DROP)
