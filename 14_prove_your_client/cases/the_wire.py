"""The wire: what the standards of server-sent events and HTTP allow, and a client has to read."""

import json

from cases.case import case
from judging.play import Play
from judging.streams import Event, Stream, event, response
from judging.verdicts import Verdict, Weight
from judging.wire import Cut

STANDARD = "Server-sent events, parsing an event stream"
STAKES = "The answer is there, and the client cannot read it."
LARGE = 1_000_000
FOREIGN = "žluťoučký 漢字 🎉"
NO_LINE_END = "\u2028"  # though some languages take it for one


def wire(question: str, clause: str = STANDARD, weight: Weight = Weight.MUST):
    about = (Verdict.CORRUPTED, Verdict.LOST, Verdict.HUNG, Verdict.SILENT, Verdict.DOUBLED)
    return case(2, weight, question, *about, clause=clause, stakes=STAKES, wrong=Verdict.CORRUPTED)


async def put(call: Stream, data: str, end: str = "\n", extra: str = "", piece: int = 0) -> None:
    event_id = call.next_id()
    raw = extra.encode() + event(data, event_id, end=end)
    await call.put(Event(event_id, raw), piece)


async def answered(call: Stream, end: str = "\n", piece: int = 0) -> None:
    """The last event, written in the same way, and the end."""
    await put(call, answer_of(call), end, piece=piece)
    if call.carrier:
        await call.carrier.end(Cut.END)


def answer_of(call: Stream) -> str:
    return response(call.asked.message.id if call.asked.message else None, call.answer)


@wire("Lines that end with CR LF: are they lines?")
async def lines_end_with_crlf(play: Play) -> None:
    call = await play.call()
    await put(call, call.new_notice(), "\r\n")
    await answered(call, "\r\n")


@wire("Lines that end with CR alone: are they lines?")
async def lines_end_with_cr(play: Play) -> None:
    call = await play.call()
    await put(call, call.new_notice(), "\r")
    await answered(call, "\r")


@wire("A message on several data lines: are they joined by a new line?")
async def several_data_lines(play: Play) -> None:
    call = await play.call()
    for text in (call.new_notice(), answer_of(call)):
        pretty = json.dumps(json.loads(text), indent=1, ensure_ascii=False)
        lines = "".join(f"data: {line}\n" for line in pretty.split("\n"))
        event_id = call.next_id()
        await call.put(Event(event_id, f"id: {event_id}\n{lines}\n".encode()))
    if call.carrier:
        await call.carrier.end(Cut.END)


@wire("Comments, unknown fields, no space after a colon: are they passed over?")
async def comments_and_unknown_fields(play: Play) -> None:
    call = await play.call()
    text, event_id = call.new_notice(), call.next_id()
    raw = f": a comment\n\n:\nid:{event_id}\nfoo: bar\nfoo\n:data: no\ndata:{text}\nretry: soon\n\n"
    await call.put(Event(event_id, raw.encode()))
    await answered(call)


@wire("A byte order mark in front of the stream: is it passed over?")
async def a_byte_order_mark(play: Play) -> None:
    call = await play.call()
    await put(call, call.new_notice(), extra="\ufeff")
    await answered(call)


@wire(
    "An event of another kind, with data that is no JSON: is it passed over?",
    "Server-sent events: an event of another type is not a message",
    Weight.OURS,
)
async def other_kinds_of_event(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.put(Event(None, b"event: heartbeat\ndata: tick\n\n"))
    await put(call, call.new_notice())
    await answered(call)


@wire(
    "An id without data: does it move the cursor, and bring no message?",
    "Server-sent events: an empty line sets the last event id, also when there is no data",
    Weight.OURS,
)
async def an_id_without_data(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    event_id = call.next_id()
    await call.put(Event(event_id, f"id: {event_id}\n\n".encode()))
    await play.cut_and_wait(call, Cut.END)
    await answered(call)


@wire("Foreign letters, and a packet for each byte: is the text whole?", "Messages MUST be UTF-8 encoded")
async def a_packet_for_each_byte(play: Play) -> None:
    call = await play.call(stream=False)
    await call.asked.open("text/event-stream; charset=utf-8", slowly=True)
    call.answer += f" {FOREIGN}"
    play.answers[-1] = call.answer
    await put(call, call.new_notice().replace("message ", f"message {NO_LINE_END}"), piece=1)
    await answered(call, play.rng.choice(["\n", "\r\n"]), piece=1)


@wire("A message of 1 MB: does it come?", "There is no limit in the specification", Weight.OURS)
async def a_message_of_1_mb(play: Play) -> None:
    call = await play.call()
    large = {"level": "info", "logger": "count", "data": "x" * LARGE}
    await put(call, json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": large}))
    await answered(call)


@wire("A stream without chunks, which ends with its connection: is it read?", "HTTP/1.1, message body length")
async def a_stream_without_chunks(play: Play) -> None:
    call = await play.call(stream=False)
    await call.asked.open(chunked=False)
    await put(call, call.new_notice())
    await answered(call)


@wire("The answer is JSON and no stream: is it read?", "Sending 5: the client MUST support both these cases")
async def an_answer_without_a_stream(play: Play) -> None:
    call = await play.call(stream=False)
    await call.asked.answer(200, answer_of(call).encode())
