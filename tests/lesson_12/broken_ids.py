"""Mutants whose ids are wrong, or lead where they should not: laws 1, 4 and 7."""

import asyncio
import itertools

from kinds import Arguments, mutant
from pydantic import JsonValue
from sound import Reader, RefusedError, Sound
from streams import Event, Session, Stream
from web import Out, Request

HUGE: Arguments = {"count": 2000, "interval": 0}


# --- given twice


class Counted(Sound):
    """Ids count through a session, and an index says what each means."""

    max_events = 500
    rolls_over_at = 1_000_000_000

    def __init__(self) -> None:
        super().__init__()
        self.index: dict[tuple[str, str], tuple[str, int]] = {}
        self.given: dict[tuple[str, int], str] = {}
        self.counts: dict[str, int] = {}

    def put(self, stream: Stream, message: JsonValue) -> None:
        count = self.counts[stream.session.id] = self.counts.get(stream.session.id, 0) + 1
        number = str((count - 1) % self.rolls_over_at + 1)
        self.index[stream.session.id, number] = stream.name, stream.last + 1
        self.given[stream.name, stream.last + 1] = number
        super().put(stream, message)

    def event_id(self, stream: Stream, place: int) -> str:
        return self.given[stream.name, place]

    def read_id(self, session: Session, event_id: str) -> tuple[str, int]:
        return self.index[session.id, event_id]


@mutant("moved", "corrupted", law=1, fast=HUGE, flood=70_000, costly=True)
class WrapsAfterSixteenBits(Counted):
    """Ids begin again at 1 after 65,536."""

    rolls_over_at = 65_536


@mutant("moved", "corrupted", law=1, fast=HUGE)
class WrapsWithTheWindow(Counted):
    """An id is a place in a ring of 500: it is given again when its event is evicted."""

    rolls_over_at = 500


@mutant("moved", "corrupted", law=1)
class BeginsAgainInEachStream(Sound):
    """Ids are counted in each stream from 1, and say nothing of the stream."""

    def event_id(self, stream: Stream, place: int) -> str:
        return str(place)

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        stream = list(session.streams.values())[-1]
        return super().find(session, f"{stream.name}-{event_id}") if event_id.isdecimal() else (stream, 1)


# --- not known, or not given


@mutant("lost", law=1)
class IndexesLater(Sound):
    """An id is on the wire a second before it can be asked for."""

    def put(self, stream: Stream, message: JsonValue) -> None:
        super().put(stream, message)
        stream.kept[-1].at = asyncio.get_running_loop().time()

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        stream, place = super().find(session, event_id)
        since = asyncio.get_running_loop().time() - stream.kept[place - 1 - stream.evicted].at
        if place > stream.evicted and since < 1.0:
            raise RefusedError(400, "Not an event id of this session.")
        return stream, place


@mutant("lost", law=1)
class ResponseWithoutId(Sound):
    """The response has no id, and is not kept."""

    def bytes_of(self, reader: Reader, event: Event) -> bytes:
        whole = super().bytes_of(reader, event)
        return whole.partition(b"\n")[2] if '"result"' in event.data else whole

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        return [e for e in events if not (reader.resumed and not reader.batches and '"result"' in e.data)]


@mutant("lost", law=2)
class PrimesInVain(Sound):
    """The id of the priming event is not known to the server."""

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        stream, place = super().find(session, event_id)
        if place == 1 and stream.session.protocol >= "2025-11-25":
            raise RefusedError(400, "Not an event id of this session.")
        return stream, place


@mutant("lost", law=2)
class IndexIsWrong(Sound):
    """The replay looks beside its list, and the connection ends in the middle of the answer."""

    def due(self, reader: Reader) -> list[Event]:
        events = super().due(reader)
        if reader.resumed and not reader.batches and len(events) > 1:
            reader.out.abort()
        return events


@mutant("silent", law=7)
class UnknownIsEmpty(Sound):
    """An id that is not known brings an empty stream, successfully."""

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        try:
            return super().find(session, event_id)
        except RefusedError:
            nowhere = Stream(session, 0, over=True)
            return nowhere, 0


@mutant("silent", "doubled", law=7, costly=True)
class UnknownIsTheBeginning(Sound):
    """An id that is not known brings all that is kept of the standing stream."""

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        try:
            return super().find(session, event_id)
        except RefusedError:
            return session.standing, session.standing.evicted


@mutant("hung", law=7)
class UnknownWaits(Sound):
    """An id that is not known is never answered."""

    async def listen(self, session: Session, request: Request, out: Out) -> None:
        try:
            await super().listen(session, request, out)
        except RefusedError:
            await asyncio.sleep(3600)


@mutant("silent", law=7, costly=True)
class UnknownIsAnError(Sound):
    """An id that is not known brings a 500 and a traceback."""

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        try:
            return super().find(session, event_id)
        except RefusedError:
            raise RefusedError(500, 'Traceback (most recent call last): File "server.py"') from None


@mutant("silent", law=7, costly=True)
class EvictedIsTheOldest(Sound):
    """An id whose successors are gone is answered from the oldest event that is kept."""

    max_events = 300

    def find(self, session: Session, event_id: str) -> tuple[Stream, int]:
        stream, place = super().find(session, event_id)
        return stream, max(place, stream.evicted)


# --- without the session that they belong to


@mutant("foreign-session", "open-door", law=4)
class ReplaysWithoutASession(Sound):
    """A Last-Event-ID without a session id brings that stream's messages."""

    def session_of(self, request: Request) -> Session:
        name = request.headers.get("last-event-id", "").rpartition("-")[0]
        return super().session_of(request) if self.needs_one(request) else self.owner_of(name, request)

    def needs_one(self, request: Request) -> bool:
        return "mcp-session-id" in request.headers

    def owner_of(self, name: str, request: Request) -> Session:
        owners = [session for session in self.sessions.values() if name in session.streams]
        return owners[0] if owners else super().session_of(request)


@mutant("foreign-session", "open-door", law=4)
class ReplaysForUnknownSessions(ReplaysWithoutASession):
    """A Last-Event-ID with a session id that never was brings that stream's messages."""

    def needs_one(self, request: Request) -> bool:
        return request.headers.get("mcp-session-id", "none") in {*self.sessions, "none"}


class Graveyard(Sound):
    """Sessions that have ended are remembered, though not in use."""

    def __init__(self) -> None:
        super().__init__()
        self.dead: dict[str, Session] = {}

    async def answer(self, request: Request, out: Out) -> None:
        if request.method == "DELETE":
            session = self.session_of(request)
            self.dead[session.id] = Session(session.id, session.protocol, session.streams)
        await super().answer(request, out)

    def session_of(self, request: Request) -> Session:
        session_id = request.headers.get("mcp-session-id", "")
        if session_id in self.dead and self.still_serves(request):
            return self.dead[session_id]
        return super().session_of(request)

    def still_serves(self, request: Request) -> bool:
        return False


@mutant("silent", law=7)
class ReplaysAfterDelete(Graveyard):
    """A session that was deleted still replays."""

    def still_serves(self, request: Request) -> bool:
        return "last-event-id" in request.headers


@mutant("silent", law=7, costly=True)
class ListensAfterDelete(Graveyard):
    """A session that was deleted still opens a standing stream."""

    def still_serves(self, request: Request) -> bool:
        return request.method == "GET" and "last-event-id" not in request.headers


@mutant("silent", law=7)
class AnswersAfterDelete(Graveyard):
    """A session that was deleted still answers a POST."""

    def still_serves(self, request: Request) -> bool:
        return request.method == "POST"


@mutant("silent", law=7)
class UnknownSessionIs400(Sound):
    """A session that is unknown or has ended is answered with 400, at which no client starts afresh."""

    def session_of(self, request: Request) -> Session:
        try:
            return super().session_of(request)
        except RefusedError as refused:
            raise RefusedError(400, refused.say) from None


class Guessable(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)


@mutant("open-door", law=4)
class CountsItsSessions(Guessable):
    """Session ids are 1, 2, 3."""

    def session_id(self) -> str:
        return str(next(self.numbers))


@mutant("open-door", law=4)
class CountsItsSessionsInHex(Guessable):
    """Session ids look long, and count."""

    def session_id(self) -> str:
        return f"session-{0x5EED0000 + next(self.numbers):032x}"


@mutant("open-door", law=4, costly=True)
class ShortSessionIds(Guessable):
    """Session ids are four digits in no order."""

    def session_id(self) -> str:
        return f"{next(self.numbers) * 7919 % 10007:04d}"
