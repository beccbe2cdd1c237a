"""Half an event is no event: neither its data nor its id counts, wherever it is cut."""

from cases.case import case
from judging.play import Play
from judging.streams import Event, Stream
from judging.verdicts import Verdict, Weight
from judging.wire import Cut

CLAUSE = (
    "Server-sent events: data that is pending at the end of the stream, without an empty line, is discarded"
)
STAKES = "The id of a message that never came moves the cursor past it: it is lost for good."


def next_event(stream: Stream, *, id_first: bool) -> Event:
    event_id = stream.next_id()
    id_line, data = f"id: {event_id}", f"data: {stream.new_notice()}"
    lines = [id_line, data] if id_first else [data, id_line]
    return Event(event_id, "\n".join([*lines, "", ""]).encode())


@case(
    2,
    Weight.OURS,
    "Is half an event ignored when the connection breaks?",
    Verdict.CORRUPTED,
    clause=CLAUSE,
    stakes=STAKES,
    wrong=Verdict.CORRUPTED,
)
async def half_an_event_broken_off(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    one = next_event(call, id_first=True)
    least = one.raw.index(b"\n") + 1  # the whole line with the id has come
    await call.begin_half(one, play.rng.randint(least, len(one.raw) - 1))
    await play.cut_and_wait(call, Cut.DROP)
    await call.respond()


@case(
    2,
    Weight.OURS,
    "Cut after each byte of an event, in good order: is half an event ignored?",
    Verdict.CORRUPTED,
    clause=CLAUSE,
    stakes=STAKES,
    wrong=Verdict.CORRUPTED,
)
async def half_an_event_at_each_byte(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(20))
    id_first, size = play.rng.random() < 0.7, 1
    while True:
        one = next_event(call, id_first=id_first)
        await call.begin_half(one, min(size, len(one.raw) - 1))
        await play.cut_and_wait(call, Cut.END)
        if size >= len(one.raw) - 1:
            break
        size += 1
    await call.respond()
