"""Mutants in which a cut, a return or an end has consequences that it should not have: laws 5 and 6."""

import asyncio

from dialects import AnswersOnly
from kinds import mutant
from pydantic import JsonValue
from sound import Call, Message, Reader, Sound
from streams import Event, Session, Stream
from web import Out, Request

# --- 5. A cut is not a cancel


@mutant("cancelled", law=5)
class CancelsAtOnce(Sound):
    """A lost connection ends the tool."""

    def left(self, reader: Reader) -> None:
        if reader.stream.is_cut and not reader.stream.over and reader.stream.work:
            reader.stream.work.cancel()


class CancelsLater(Sound):
    after = 2.0

    def left(self, reader: Reader) -> None:
        stream = reader.stream
        if stream.is_cut and stream is not stream.session.standing:
            asyncio.get_running_loop().call_later(self.after, self.look_again, stream, stream.readers)

    def look_again(self, stream: Stream, readers: int) -> None:
        if stream.readers == readers and not stream.over and stream.work:
            stream.work.cancel()


@mutant("cancelled", law=5, slow={"count": 8, "interval": 0.5}, costly=True)
class CancelsAfterTwoSeconds(CancelsLater):
    """A connection that was lost for two seconds ends the tool."""


@mutant("cancelled", law=5, slow={"count": 8, "interval": 0.2})
class CancelsAfterHalfASecond(CancelsLater):
    """A connection that was lost for half a second ends the tool."""

    after = 0.5


@mutant("lost", law=2)
class CancelsBeforeTheAnswer(AnswersOnly):
    """A tool that sends nothing but its answer ends with its connection: what shows is a lost answer."""

    def left(self, reader: Reader) -> None:
        if reader.stream.is_cut and not reader.stream.over and reader.stream.work:
            reader.stream.work.cancel()


@mutant("ran-twice", law=2)
class RunsAgain(Sound):
    """The tool begins again when a client comes back."""

    def begin(self, stream: Stream, call: Call, message: Message) -> None:
        super().begin(stream, call, message)
        self.orders[stream.name] = call, message

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, tuple[Call, Message]] = {}

    async def before(self, reader: Reader) -> None:
        if reader.resumed and not reader.stream.over and reader.stream.name in self.orders:
            super().begin(reader.stream, *self.orders[reader.stream.name])


@mutant("ran-twice", law=2, costly=True)
class RunsAgainTheSecondTime(RunsAgain):
    """The tool begins again when a client comes back for the second time."""

    async def before(self, reader: Reader) -> None:
        if reader.stream.resumes > 1:
            await super().before(reader)


# --- comes back, and waits


@mutant("hung", law=10, costly=True)
class StallsAtEachResume(Sound):
    """A resumed stream says nothing for two seconds."""

    async def before(self, reader: Reader) -> None:
        await asyncio.sleep(2.0 * reader.resumed)


@mutant("hung", law=2)
class NeverAnswersAResume(Sound):
    """A GET with a Last-Event-ID is accepted, and not answered."""

    async def listen(self, session: Session, request: Request, out: Out) -> None:
        if "last-event-id" in request.headers:
            await asyncio.sleep(3600)
        await super().listen(session, request, out)


@mutant("hung", law=2, costly=True)
class NeverAnswersTheThirdResume(Sound):
    """A stream is resumed twice, and then no more."""

    async def listen(self, session: Session, request: Request, out: Out) -> None:
        if event_id := request.headers.get("last-event-id"):
            stream, _ = self.find(session, event_id)
            if stream.resumes >= 2:
                await asyncio.sleep(3600)
        await super().listen(session, request, out)


@mutant("deaf", law=2)
class ForgetsTheTail(Sound):
    """After the backlog nothing more comes on that connection."""

    def due(self, reader: Reader) -> list[Event]:
        return [] if reader.resumed and reader.batches else super().due(reader)

    def is_done(self, reader: Reader) -> bool:
        return not (reader.resumed and reader.batches)


@mutant("lost", law=2)
class LosesOnKeptAlive(Sound):
    """What a second request on one connection resumes begins one message later."""

    async def listen(self, session: Session, request: Request, out: Out) -> None:
        if request.connection and (event_id := request.headers.get("last-event-id")):
            stream, place = self.find(session, event_id)
            if place + 1 < stream.last:
                request.headers["last-event-id"] = self.event_id(stream, place + 1)
        await super().listen(session, request, out)


@mutant("lost", law=2)
class LosesItsLast(Sound):
    """The last message before the response is lost in two uncut runs of three."""

    runs = 0

    def progress(self, call: Call, number: int) -> JsonValue:
        if number == call.arguments.count:
            self.runs += 1
            return None if self.runs % 3 else super().progress(call, number)
        return super().progress(call, number)

    def put(self, stream: Stream, message: JsonValue) -> None:
        if message or not stream.last:
            super().put(stream, message)


# --- 6. It ends


@mutant("endless", law=6)
class NeverEnds(Sound):
    """A stream stays open after its response."""

    def is_done(self, reader: Reader) -> bool:
        return False


@mutant("endless", law=6)
class NeverEndsWhenResumed(Sound):
    """A stream that was resumed stays open after its response."""

    def is_done(self, reader: Reader) -> bool:
        return not reader.resumed


@mutant("endless", law=6)
class OutlivesItsSession(Sound):
    """The standing stream stays open when its session is deleted."""

    async def answer(self, request: Request, out: Out) -> None:
        if request.method == "DELETE":
            self.sessions.pop(self.session_of(request).id)
            return await out.whole(204)
        return await super().answer(request, out)


# --- ends, or gives too little


@mutant("unknown", law=4)
class OneSession(Sound):
    """One session at once: what takes two cannot be asked."""

    max_sessions = 1


# --- said wrongly


@mutant("mislabelled", law=2)
class WrongContentType(Sound):
    """A stream is called text/plain."""

    media_type = "text/plain"


@mutant("mislabelled", law=2)
class WrongContentTypeOnResume(Sound):
    """A resumed stream is called application/octet-stream."""

    def type_of(self, reader: Reader) -> str:
        return "application/octet-stream" if reader.resumed else self.media_type
