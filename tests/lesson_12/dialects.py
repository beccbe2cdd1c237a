"""Sound servers that speak as few do: the checker is to find nothing."""

import asyncio
import base64
import uuid

from kinds import dialect
from pydantic import JsonValue
from sound import Call, Message, Reader, Sound, result
from streams import Event, Session, Stream
from web import Out


@dialect()
class Plain(Sound):
    """Nothing special."""


@dialect(tool="announce", costly=True)
class PlainAnnounced(Sound):
    """Messages on the standing stream."""


@dialect(tool="announce", costly=True)
class GreetsOnce(Sound):
    """The standing stream is primed when a session begins, and not for each GET."""

    def greet(self, standing: Stream) -> None:
        pass


@dialect()
class Crlf(Sound):
    """Lines end with CR and LF."""

    newline = "\r\n"


@dialect()
class Cr(Sound):
    """Lines end with CR."""

    newline = "\r"


@dialect()
class Bom(Sound):
    """Each stream begins with a byte order mark."""

    start_of_stream = b"\xef\xbb\xbf"


@dialect()
class Batching(Sound):
    """Events are written some at a time, 30 ms after the first of them."""

    async def write(self, reader: Reader, events: list[Event]) -> None:
        await asyncio.sleep(0.03)
        events += reader.stream.after(events[-1].place)
        reader.cursor = events[-1].place
        await super().write(reader, events)


@dialect()
class ByteByByte(Sound):
    """Each event is written in small pieces, each a chunk of its own."""

    async def write(self, reader: Reader, events: list[Event]) -> None:
        for event in events:
            whole = self.bytes_of(reader, event)
            for start in range(0, len(whole), 7):
                await reader.out.send(whole[start : start + 7])


@dialect(costly=True)
class Chatty(Sound):
    """Comments, event names and fields that nobody knows stand between."""

    def render(self, event_id: str, data: str) -> str:
        return f": a comment\n\nevent: message\nunknown: field\n{super().render(event_id, data)}: ping\n\n"


@dialect()
class Opaque(Sound):
    """Ids that tell nothing."""

    def event_id(self, stream: Stream, place: int) -> str:
        return base64.b64encode(super().event_id(stream, place).encode()[::-1]).decode()

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        return super().read_id(session, base64.b64decode(event_id)[::-1].decode())


@dialect()
class Decimal(Sound):
    """Ids that are numbers."""

    def event_id(self, stream: Stream, place: int) -> str:
        return str(stream.number * 1_000_000 + place)

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        number, place = divmod(int(event_id[:20]), 1_000_000)
        return list(session.streams)[max(0, number - 1)] if number <= len(session.streams) else "", place


@dialect(costly=True)
class Uuid(Sound):
    """Ids that are UUIDs."""

    def event_id(self, stream: Stream, place: int) -> str:
        return str(uuid.UUID(int=(int(stream.name, 16) << 96) + place))

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        number = uuid.UUID(event_id).int
        return f"{number >> 96:08x}", number & 0xFFFFFFFF


@dialect()
class Utf8(Sound):
    """Ids with characters of more than one byte."""

    def event_id(self, stream: Stream, place: int) -> str:
        return f"straße✓{stream.name}-{place}"

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        return super().read_id(session, event_id.removeprefix("straße✓"))


@dialect(costly=True)
class LongIds(Sound):
    """Ids of 3,000 characters."""

    def event_id(self, stream: Stream, place: int) -> str:
        return f"{'x' * 3000}{stream.name}-{place}"

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        return super().read_id(session, event_id.lstrip("x"))


@dialect()
class JsonMode(Sound):
    """A call is answered with JSON, when all is said on the standing stream."""

    async def start(self, session: Session, call: Call, message: Message, out: Out) -> None:
        self.begin(session.standing, call, message)
        if session.standing.work:
            await session.standing.work
        await out.json(200, result(message.id, {"content": []}))


@dialect(costly=True)
class OlderRevision(Sound):
    """2025-06-18 and before: no priming event."""

    protocols = ("2025-03-26", "2025-06-18")


@dialect()
class OldestRevision(Sound):
    """2025-03-26 only."""

    protocols = ("2025-03-26",)


@dialect()
class SlowToAnswer(Sound):
    """Each request is answered 200 ms late."""

    latency = 0.2


@dialect(law=5, costly=True)
class RetryOfTwoSeconds(Sound):
    """The client has to wait two seconds."""

    retry = 2000


@dialect(law=5)
class RetryOfThreeSeconds(Sound):
    """The client has to wait three seconds."""

    retry = 3000


@dialect()
class ClosesAfterFour(Sound):
    """The server itself ends each connection, not the stream, after four events."""

    def due(self, reader: Reader) -> list[Event]:
        return super().due(reader)[: 4 - reader.events]

    def closes(self, reader: Reader) -> bool:
        return reader.events >= 4


@dialect()
class OtherCase(Sound):
    """Content-Type: Text/Event-Stream."""

    media_type = "Text/Event-Stream;Charset=UTF-8"


@dialect(law=7)
class ThreeSessions(Sound):
    """Three sessions at once, and 429 for a fourth: enough for who asks one question after another."""

    max_sessions = 3


@dialect()
class AnswersOnly(Sound):
    """Nothing but a priming event and, later, the answer."""

    def progress(self, call: Call, number: int) -> JsonValue:
        return None

    def put(self, stream: Stream, message: JsonValue) -> None:
        if message or not stream.last:
            super().put(stream, message)


@dialect(law=5)
class AnswersAtOnce(AnswersOnly):
    """The priming event and the answer, and no time between them."""

    def begin(self, stream: Stream, call: Call, message: Message) -> None:
        call.arguments.interval = 0
        super().begin(stream, call, message)


class Varying(Sound):
    """Some runs send another number of messages, and do not say how many there will be."""

    runs = agree = 0

    def begin(self, stream: Stream, call: Call, message: Message) -> None:
        self.runs += 1
        call.arguments.count += self.runs % 3 if self.runs > self.agree else 0
        super().begin(stream, call, message)

    def progress(self, call: Call, number: int) -> JsonValue:
        params: JsonValue = {"progressToken": call.meta["progressToken"], "progress": number}
        return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


@dialect()
class Varies(Varying):
    """Each run sends another number of messages."""


@dialect()
class VariesLater(Varying):
    """Its first runs agree, by chance."""

    agree = 6


@dialect(law=8)
class SmallWindow(Sound):
    """100 events are kept of a session; what is gone is refused with 410."""

    max_events = 100


@dialect(law=7)
class ChangesItsTools(Sound):
    """`notifications/tools/list_changed` comes now and then on the standing stream, unasked."""

    runs = 0

    def begin(self, stream: Stream, call: Call, message: Message) -> None:
        super().begin(stream, call, message)
        self.runs += 1
        if self.runs % 3 == 2:
            self.put(
                stream.session.standing, {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
            )
