"""Streams: each has a cursor of its own, and what comes after a cut is handled once and in order."""

import json

from cases.case import case
from judging.play import Play
from judging.verdicts import BrokenError, NotReachedError, Verdict, Weight
from judging.wire import Cut

CURSOR = "Resumability: ids are assigned per stream, to act as a cursor within that particular stream"
SEAM = "Resumability 2: the server MAY replay what would have been sent, and resume from that point"
PING = "there?"


@case(
    4,
    Weight.OURS,
    "Two calls in flight, both cut: does each go on with its own id?",
    Verdict.FOREIGN_STREAM,
    clause=CURSOR,
    stakes="One answer is lost, the other comes twice.",
    calls=2,
)
async def two_calls_in_flight(play: Play) -> None:
    first, second = await play.call(), await play.call()
    for call in (first, second):
        await call.prime(play.ms(40))
    await first.say(1)
    await second.say(2)
    await first.say(1)
    await second.cut(Cut.END)
    await first.cut(Cut.END)
    for call in (first, second):
        await play.resumed(call)
    for call in (second, first):
        await call.respond()


@case(
    4,
    Weight.OURS,
    "The standing stream spoke last, and the call is cut: does the call go on with its id?",
    Verdict.FOREIGN_STREAM,
    clause=CURSOR,
    stakes="The call's answer is never asked for.",
)
async def the_standing_stream_speaks_last(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await play.until(lambda: play.manners.standing, play.seconds(2))
    standing = play.manners.standing
    if standing is None:
        await call.respond()
        raise NotReachedError("it opens no standing stream")
    await standing.say(2)
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    4,
    Weight.OURS,
    "The standing stream and a call are cut: does each go on with its own id?",
    Verdict.FOREIGN_STREAM,
    clause=CURSOR,
    stakes="Messages of the one are lost, or come twice.",
)
async def the_standing_stream_is_cut_too(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await play.until(lambda: play.manners.standing, play.seconds(2))
    standing = play.manners.standing
    if standing is None:
        await call.respond()
        raise NotReachedError("it opens no standing stream")
    await standing.add(standing.new_notice(), play.ms(40))
    await call.say()
    await standing.cut(Cut.END)
    await call.cut(Cut.END)
    await play.resumed(call)
    await call.say()
    await call.respond()


@case(
    3,
    Weight.OURS,
    "Sent live, missed, and live again: do the user's handlers get each message once, in order?",
    Verdict.DOUBLED,
    Verdict.MOVED,
    clause=SEAM,
    stakes="The user sees a gap, or the same thing twice.",
)
async def messages_once_and_in_order(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(300))
    await call.say(2)
    await call.cut(Cut.END)
    await call.say(3)
    await play.resumed(call)
    await call.say(2)
    await play.cut_and_wait(call, Cut.END)
    await call.say(2)
    await call.respond()
    await play.until(lambda: False)
    if not any(text in (play.running.output if play.running else "") for text in call.texts):
        raise NotReachedError("it prints no messages, so nobody can tell")


@case(
    3,
    Weight.MUST,
    "The server asks on the resumed stream (ping): does it answer?",
    Verdict.DEAF,
    clause="Ping: the receiver MUST respond promptly with an empty response",
    stakes="The server takes the client for dead, or waits for it.",
)
async def a_ping_after_the_cut(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await play.cut_and_wait(call, Cut.END)
    await call.add(json.dumps({"jsonrpc": "2.0", "id": PING, "method": "ping"}))
    pongs = play.manners.pongs
    limit = play.time_limit / 4

    def answered() -> bool:
        return any(one.message and one.message.id == PING for one in pongs)

    heard = await play.until(answered, limit)
    await call.respond()
    if not heard:
        raise BrokenError(Verdict.DEAF, "a POST with the response to the ping", f"none for {limit:g} s")
