"""Resuming: a client that is cut comes back by GET, with the newest id of that stream, and has its answer."""

from cases.case import Ends, case
from judging.play import Play
from judging.verdicts import Verdict, Weight
from judging.wire import Cut

RESUME = "Resumability 2: to resume, the client SHOULD GET with the last event id that it received"
POLL = "Sending 6: the server MAY close the connection after an id; the client SHOULD then reconnect"
WANTED = " (that it wishes to is our reading)"
ANSWER = "The tool has run, and its answer waits for the client."


@case(
    2,
    Weight.OURS,
    "Does an uncut call end with the tool's text and exit code 0?",
    clause="What a client must do, in this lesson's README",
    stakes="Without this nothing can be asked.",
)
async def an_uncut_call(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say(3)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "Does it come back when the connection breaks in the middle of an answer?",
    clause=RESUME + WANTED,
    stakes=ANSWER,
)
async def a_drop_in_the_middle(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say(play.rng.randint(1, 3))
    await play.cut_and_wait(call, Cut.DROP)
    await call.say()
    await call.respond()


@case(2, Weight.OURS, "Does it come back after a reset?", clause=RESUME + WANTED, stakes=ANSWER, rude=True)
async def a_reset(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say(play.rng.randint(1, 3))
    await play.sleep(1)  # a reset takes what has not been read yet
    await play.cut_and_wait(call, Cut.RESET)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "Does it come back when the stream ends in good order, and the response has not come?",
    clause=POLL + WANTED,
    stakes="Servers end long connections on purpose; the call runs on.",
)
async def an_end_without_the_answer(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say(play.rng.randint(1, 3))
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "Does it come back when only the priming event has come: an id, and empty data?",
    clause="Sending 6: an event with an id and empty data primes the client to reconnect" + WANTED,
    stakes="A client that reads the empty data as JSON fails before the call has begun.",
)
async def the_priming_event_only(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    2,
    Weight.SHOULD,
    "Does it carry back the newest id, whatever ids look like and however they sort?",
    Verdict.DOUBLED,
    Verdict.MISLABELLED,
    clause="Resumability 2: the last event id it received",
    stakes="With an older id the same messages come again.",
)
async def ids_mean_nothing(play: Play) -> None:
    call = await play.call()
    call.shape = lambda name, number: f"{(number * 5 + 3) % 7}~{name}/{'=' * (8 - number)}"
    await call.prime(play.ms(40))
    for how in (Cut.END, Cut.END):
        await call.say(2)
        await play.cut_and_wait(call, how)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "A resumed stream ends again before any event: does it ask with the same id again?",
    Verdict.DOUBLED,
    Verdict.GAVE_UP,
    clause=POLL + WANTED,
    stakes="A server that is busy lets its clients poll.",
)
async def cut_again_before_an_event(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    for _ in range(2):
        await play.cut_and_wait(call, Cut.END)
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "A resumed stream breaks before any event: does it ask with the same id again?",
    Verdict.DOUBLED,
    Verdict.GAVE_UP,
    clause=RESUME + WANTED,
    stakes="A bad network does not break just once.",
)
async def broken_again_before_an_event(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    for _ in range(2):
        await play.cut_and_wait(call, Cut.DROP)
    await call.respond()


@case(
    2,
    Weight.SHOULD,
    "A resumed stream breaks after an event: does it ask with that event's id?",
    Verdict.DOUBLED,
    clause="Resumability 2: the last event id it received",
    stakes="With the older id, messages are handled a second time.",
)
async def cut_again_after_an_event(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await play.cut_and_wait(call, Cut.DROP)
    await call.say(2)
    await play.cut_and_wait(call, Cut.DROP)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "Cut eight times, with an event each time: does it come back each time?",
    Verdict.GAVE_UP,
    Verdict.DOUBLED,
    clause=POLL + WANTED,
    stakes="A call of an hour outlives many connections.",
)
async def cut_eight_times(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    for _ in range(8):
        await call.say()
        await play.cut_and_wait(call, Cut.END, Verdict.GAVE_UP)
    await call.respond()


@case(
    4,
    Weight.MUST,
    "Do the session's id, the protocol's version and Accept stand on each request?",
    Verdict.MISLABELLED,
    clause="Session 2, Protocol Version Header, Listening 2: the client MUST include them",
    stakes="A server that keeps sessions cannot find the stream.",
)
async def headers_on_each_request(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


@case(
    5,
    Weight.OURS,
    "Cut in the middle: is the call made only once?",
    Verdict.RAN_TWICE,
    clause="Resumability 2: resumption is always via HTTP GET with Last-Event-ID",
    stakes="The order is placed twice, the mail is sent twice.",
)
async def the_call_is_made_once(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.cut(Cut.DROP)
    await play.sleep(0.5)
    await call.say()
    await play.resumed(call)
    await call.respond()


@case(
    5,
    Weight.OURS,
    "Cut in the middle: is the call left running?",
    Verdict.CANCELLED,
    clause="Sending 6: disconnection SHOULD NOT be interpreted as the client cancelling its request",
    stakes="The work is thrown away because of a bad network.",
)
async def a_cut_is_not_a_cancel(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await call.cut(Cut.DROP)
    await play.sleep(0.5)
    await play.resumed(call)
    await call.respond()


@case(
    5,
    Weight.OURS,
    "A call without any id is cut: is it an error, and no GET with an id that never was?",
    Verdict.MISLABELLED,
    Verdict.RAN_TWICE,
    clause="Resumability 1: servers MAY attach an id; there is none to carry back",
    stakes="A caller who is not told waits for ever.",
    ends=Ends.ERROR,
)
async def no_id_at_all(play: Play) -> None:
    call = await play.call()
    call.with_ids = False
    await call.say(2)
    await call.cut(Cut.DROP)
