"""Away: the server is not there for a while. The client finds it again, or says that it did not."""

from cases.case import Ends, case
from judging.play import Play
from judging.verdicts import Verdict, Weight
from judging.wire import Asked, Cut

CLAUSE = "Sending 6: disconnection MAY occur at any time; how long a client tries is our reading"
STAKES = "A restart of the server takes seconds; a call may have taken an hour."


async def leave(play: Play, seconds: float, ends: Ends) -> None:
    call = await play.call()
    await call.prime()
    await call.say()
    call.carrier, call.cut_at, call.sure = None, play.wire.now(), call.sent
    play.wire.go_away()
    await call.say()
    await play.sleep(seconds)
    await play.wire.listen()
    if ends is Ends.EITHER and not await play.until(lambda: play.resumes):
        return  # whether it has said so, its end tells
    await play.resumed(call, Verdict.GAVE_UP)
    await call.respond()


def add(seconds: int, ends: Ends) -> None:
    way = "found again" if ends is Ends.ANSWER else "found again, or an error"

    @case(
        7,
        Weight.OURS,
        f"Connections are refused for {seconds} s: is the server {way}?",
        Verdict.GAVE_UP,
        clause=CLAUSE,
        stakes=STAKES,
        ends=ends,
        name=f"away for {seconds} s",
    )
    async def away(play: Play) -> None:
        await leave(play, seconds, ends)


add(1, Ends.ANSWER)
add(5, Ends.ANSWER)
add(15, Ends.EITHER)


@case(
    7,
    Weight.OURS,
    "Connections are accepted, nothing is said for 5 s, then they break: is it found again?",
    Verdict.GAVE_UP,
    clause=CLAUSE,
    stakes=STAKES,
)
async def silent_for_5_s(play: Play) -> None:
    call = await play.call()
    await call.prime()
    await call.say()
    waiting: list[Asked] = []

    async def say_nothing(asked: Asked) -> None:
        waiting.append(asked)

    play.refusal = say_nothing
    await call.cut(Cut.DROP)
    await play.until(lambda: waiting)
    await play.sleep(5)
    play.refusal, play.refused = None, 0
    for asked in waiting:
        asked.link.close(Cut.RESET)
        asked.over.set()
    call.cut_at = None
    await play.resumed(call, Verdict.GAVE_UP)
    await call.respond()
