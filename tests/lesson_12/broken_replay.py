"""Mutants whose replay is not what was missed: laws 2, 3 and 4."""

import asyncio
import json

from dialects import AnswersOnly, ThreeSessions, Varies
from kinds import Arguments, mutant
from pydantic import JsonValue
from sound import Call, Message, Reader, Sound, result
from streams import Event, Session, Stream

MANY: Arguments = {"count": 600, "interval": 0.001}
STEADY: Arguments = {"count": 250, "interval": 0.01}  # still under way when a client comes back
LARGE = 20_000  # characters


def is_backlog(reader: Reader) -> bool:
    """The first batch of a resumed connection."""
    return reader.resumed and not reader.batches


def edit(event: Event, key: str, part: str | None, value: JsonValue) -> Event:
    """The event with one value of its message changed, if it has it."""
    message: JsonValue = json.loads(event.data) if event.data else {}
    there = message.get(part) if part and isinstance(message, dict) else message
    if isinstance(there, dict) and key in there:
        there[key] = value
        return Event(event.place, json.dumps(message, ensure_ascii=False))
    return event


# --- in another order, or not all


@mutant("moved", law=3, fast=MANY, costly=True)
class SwapsBeyondAHundred(Sound):
    """A replay of more than 100 events is sorted by id as text."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        if is_backlog(reader) and len(events) > 100:
            last = events.pop()
            return [*sorted(events, key=lambda event: str(event.place)), last]
        return events


@mutant("lost", law=3, fast=MANY)
class CapsAtTwoHundred(Sound):
    """A replay brings 200 events at most, then the live tail."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        if is_backlog(reader) and len(events) > 200:
            return [*events[:199], events[-1]]
        return events


@mutant("lost", law=3, fast=MANY, costly=True)
class KeepsTheLastHundred(Sound):
    """A replay brings the last 100 events, and says nothing of the others."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return events[-100:] if is_backlog(reader) else events


@mutant("lost", law=5)
class ForgetsAfterThreeSeconds(Sound):
    """What waits longer than three seconds for its reader is dropped."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        super().put(stream, message)
        stream.kept[-1].at = asyncio.get_running_loop().time()

    def due(self, reader: Reader) -> list[Event]:
        oldest = asyncio.get_running_loop().time() - 3
        return [event for event in super().due(reader) if not is_backlog(reader) or event.at > oldest]


@mutant("lost", law=2, fast=STEADY)
class LosesInTheSeam(Sound):
    """It reads the backlog, and subscribes to the live tail a moment later."""

    async def write(self, reader: Reader, events: list[Event]) -> None:
        if is_backlog(reader):
            await asyncio.sleep(0.1)
        await super().write(reader, events)
        if is_backlog(reader):
            reader.cursor = max(reader.cursor, reader.stream.last - reader.stream.over)


@mutant("doubled", law=3, fast=STEADY)
class DoublesInTheSeam(Sound):
    """It subscribes to the live tail before the replay, and sends what is in both twice."""

    async def write(self, reader: Reader, events: list[Event]) -> None:
        await super().write(reader, events)
        if is_backlog(reader):
            await super().write(reader, events[-1:])


@mutant("moved", "doubled", law=3, fast=STEADY)
class PutsTheTailFirst(Sound):
    """What comes live is sent before the backlog is."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        if is_backlog(reader) and len(events) > 2:
            return [events[-2], *events[:-2], events[-1]]
        return events


@mutant("lost", law=2)
class LosesTheAnswer(AnswersOnly):
    """Who comes back with the id of the priming event gets no answer, if that came meanwhile."""

    def due(self, reader: Reader) -> list[Event]:
        return [] if is_backlog(reader) and reader.stream.over else super().due(reader)


@mutant("lost", law=2)
class VariesAndLoses(Varies):
    """Each run is another, and a replay that does not begin at the first id leaves one out."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return events[1:] if is_backlog(reader) and reader.cursor > 1 and len(events) > 2 else events


@mutant("lost", law=2)
class LosesInThreeSessions(ThreeSessions):
    """Few sessions at a time, and the first message that was missed is lost."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return events[1:] if is_backlog(reader) and len(events) > 2 else events


@mutant("lost", law=2)
class PrimesForNow(Sound):
    """Whoever comes back with the id of the priming event has what is sent from now on, and not before."""

    def due(self, reader: Reader) -> list[Event]:
        if is_backlog(reader) and reader.cursor == 1:
            reader.cursor = max(1, reader.stream.last - 1)
        return super().due(reader)


@mutant("lost", law=2)
class CountsWhatItSent(Sound):
    """It replays from what it has sent, and not from what the client says it has."""

    def due(self, reader: Reader) -> list[Event]:
        if is_backlog(reader):
            reader.cursor = max(reader.cursor, min(reader.stream.handed, reader.stream.last - 1))
        return super().due(reader)


@mutant("doubled", law=2)
class KeepsTheFirstCursor(Sound):
    """A stream that is resumed once more begins where the first resume began."""

    def due(self, reader: Reader) -> list[Event]:
        if is_backlog(reader):
            reader.cursor = self.first.setdefault(reader.stream.name, reader.cursor)
        return super().due(reader)

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, int] = {}


@mutant("doubled", law=6)
class RepeatsTheResponse(Sound):
    """Whoever comes back with the last id has the response once more."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        if not events and is_backlog(reader) and reader.stream.over:
            return list(reader.stream.kept)[-1:]
        return events


# --- other content


@mutant("corrupted", law=2)
class ChangesContent(Sound):
    """A replayed message is made anew, and has another text."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return [edit(e, "message", "params", "(replayed)") for e in events] if is_backlog(reader) else events


@mutant("corrupted", law=2)
class ReplaysTheIdAsText(Sound):
    """The response's JSON-RPC id comes back from the store as text."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        as_text = str(reader.stream.request_id)
        return [edit(e, "id", None, as_text) for e in events] if is_backlog(reader) else events


@mutant("corrupted", law=2, costly=True)
class ReplaysTheIdAsZero(Sound):
    """The response's JSON-RPC id comes back from the store as 0."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return [edit(e, "id", None, 0) for e in events] if is_backlog(reader) else events


@mutant("corrupted", law=2)
class AnswersWithTheIdAsText(Sound):
    """The response's JSON-RPC id is text, live too, where the request's was a number."""

    def put_response(self, stream: Stream, call: Call, message: Message) -> None:
        if message.id is not None:
            message.id = str(message.id)
        super().put_response(stream, call, message)


@mutant("corrupted", law=2, costly=True)
class ReplaysWithoutTheToken(Sound):
    """Replayed progress has lost its token."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return [edit(e, "progressToken", "params", None) for e in events] if is_backlog(reader) else events


@mutant("corrupted", law=2)
class TellsTheTokenAsText(Sound):
    """A progress token that is a number comes back as text."""

    def progress(self, call: Call, number: int) -> JsonValue:
        call.meta["progressToken"] = str(call.meta.get("progressToken"))
        return super().progress(call, number)


class Large(Sound):
    """Sound, with one message of 20,000 characters, each of more than one byte."""

    def put_response(self, stream: Stream, call: Call, message: Message) -> None:
        stream.over = True
        self.put(stream, result(message.id, {"content": [{"type": "text", "text": "ü·✓😀" * (LARGE // 4)}]}))


@mutant("corrupted", law=2, costly=True)
class CutsLargeMessages(Large):
    """A replayed message ends after 16 kB."""

    def data_of(self, reader: Reader, event: Event) -> str:
        return event.data[:16_000] if reader.resumed else event.data


@mutant("corrupted", law=2, costly=True)
class SplitsCharacters(Large):
    """It decodes a replay in pieces of 1,000 bytes: characters on an edge are lost."""

    def data_of(self, reader: Reader, event: Event) -> str:
        data = event.data.encode()
        if not reader.resumed:
            return event.data
        return "".join(data[n : n + 1000].decode(errors="replace") for n in range(0, len(data), 1000))


class ManyLines(Sound):
    """Sound, with messages that take many data lines each."""

    def data_of(self, reader: Reader, event: Event) -> str:
        return json.dumps(json.loads(event.data), indent=1, ensure_ascii=False) if event.data else ""


@mutant("corrupted", law=2)
class BreaksLines(ManyLines):
    """Only the first line of a replayed message stands behind `data:`."""

    def bytes_of(self, reader: Reader, event: Event) -> bytes:
        whole = super().bytes_of(reader, event)
        first, data, rest = whole.partition(b"data: ")
        return first + data + (rest.replace(b"data: ", b"") if reader.resumed else rest)


# --- another's


@mutant("foreign-stream", law=4)
class ReplaysTheSession(Sound):
    """A stream that is resumed brings what another call of the session has sent, with its result."""

    async def before(self, reader: Reader) -> None:
        stream = reader.stream
        if reader.resumed and stream is not stream.session.standing:
            for other in list(stream.session.streams.values())[1:]:
                if other is not stream:
                    await self.write(Reader(other, 0, reader.out, resumed=True, turn=0), other.after(1))


@mutant("lost", law=4)
class LosesUnderTwoCalls(Sound):
    """While two calls run in one session, every third message is lost."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        if message and stream.session.calls > 1 and stream.last % 3 == 2:
            return
        super().put(stream, message)


@mutant("lost", law=2, costly=True)
class LosesUnderEightCalls(Sound):
    """From five calls at once in one session on, every third message is lost."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        if message and stream.session.calls > 4 and stream.last % 3 == 2:
            return
        super().put(stream, message)


@mutant("foreign-session", law=4)
class SharesByRequestId(Sound):
    """Streams are kept by the request's number only: two sessions with the same numbers share them."""

    def __init__(self) -> None:
        super().__init__()
        self.by_number: dict[str, Stream] = {}

    def put(self, stream: Stream, message: JsonValue) -> None:
        if stream.request_id is not None:
            first = self.by_number.setdefault(str(stream.request_id), stream)
            if first is not stream and not first.over:
                super().put(first, message)
        super().put(stream, message)


@mutant("foreign-session", law=4)
class LooksIntoAllSessions(Sound):
    """An id is looked up in every session."""

    def stream_of(self, session: Session, name: str) -> Stream:
        for other in self.sessions.values():
            if name in other.streams:
                return other.streams[name]
        raise KeyError(name)


@mutant("doubled", "foreign-stream", law=4)
class SendsOnASecondStream(Sound):
    """While a call's stream is cut, its messages go out on the standing stream, and later on their own."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        super().put(stream, message)
        if message and stream is not stream.session.standing and stream.is_cut:
            super().put(stream.session.standing, message)


@mutant("doubled", "foreign-stream", law=4)
class Broadcasts(Sound):
    """Each message of a call goes out on the standing stream, too."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        super().put(stream, message)
        if message and stream is not stream.session.standing:
            super().put(stream.session.standing, message)
