"""Mutants that let in whom they should not, or are filled by anybody: laws 8 to 10."""

import asyncio

from kinds import Arguments, mutant
from sound import Reader, RefusedError, Sound, is_loopback
from streams import Event
from web import Out, Request

MANY: Arguments = {"count": 2000, "interval": 0}


# --- 9. Origin, Host, bad input


@mutant("open-door", law=9)
class AsksNoOrigin(Sound):
    """Pages of any Origin are served."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return True


@mutant("open-door", law=9)
class AsksNoOriginOnDelete(Sound):
    """Pages of any Origin may end a session."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return request.method == "DELETE" or super().welcomes(origin, request)


@mutant("open-door", law=9, costly=True)
class AsksNoOriginOnGet(Sound):
    """Pages of any Origin may listen."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return request.method == "GET" or super().welcomes(origin, request)


@mutant("open-door", law=9, costly=True)
class AsksNoOriginOnPost(Sound):
    """Pages of any Origin may send."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return request.method == "POST" or super().welcomes(origin, request)


@mutant("open-door", law=9)
class WelcomesNull(Sound):
    """`Origin: null`, as a sandboxed frame sends it, is welcome."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return origin == "null" or super().welcomes(origin, request)


@mutant("open-door", law=9)
class WelcomesAPrefix(Sound):
    """An Origin is welcome that begins with http://localhost."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return origin.startswith(("http://localhost", "http://127.0.0.1")) or is_loopback(origin)


@mutant("open-door", law=9)
class WelcomesASuffix(Sound):
    """An Origin is welcome whose name ends with localhost."""

    def welcomes(self, origin: str, request: Request) -> bool:
        return origin.partition(":80")[0].endswith(("localhost", "127.0.0.1")) or is_loopback(origin)


@mutant("open-door", law=9)
class AsksNoHost(Sound):
    """Any Host is served."""

    def knows_host(self, host: str) -> bool:
        return True


@mutant("silent", law=9)
class FailsOnBadInput(Sound):
    """A body that is no JSON-RPC brings a 500."""

    async def answer(self, request: Request, out: Out) -> None:
        try:
            await super().answer(request, out)
        except RefusedError as refused:
            status = 500 if refused.say.startswith("Not understood") else refused.status
            raise RefusedError(status, refused.say) from None


# --- 8. Bounded, and alive


@mutant("unbounded", law=8, fast=MANY)
class KeepsAll(Sound):
    """All events are kept, for as long as the session is."""

    max_events = 1_000_000_000


@mutant("unbounded", law=8, costly=True)
class TakesAnyBody(Sound):
    """A body may have any size."""

    max_body = reads_at_most = 64_000_000


@mutant("died", law=8)
class DiesOfALargeBody(Sound):
    """A body of more than 4 MB ends the process."""

    async def serve(self, request: Request, out: Out) -> None:
        if request.too_large:
            self.die()
        await super().serve(request, out)


@mutant("died", law=3)
class DiesOfResumes(Sound):
    """The process ends at the 40th resume."""

    resumes = 0

    async def before(self, reader: Reader) -> None:
        self.resumes += reader.resumed
        if self.resumes >= 40:
            self.die()


@mutant("hung", law=8, fast=MANY, costly=True)
class WaitsForItsReaders(Sound):
    """A reader that stops reading stops its session: one lock is held while an event is written."""

    def __init__(self) -> None:
        super().__init__()
        self.locks: dict[str, asyncio.Lock] = {}

    async def write(self, reader: Reader, events: list[Event]) -> None:
        async with self.locks.setdefault(reader.stream.session.id, asyncio.Lock()):
            await super().write(reader, events)

    async def before(self, reader: Reader) -> None:
        reader.out.narrow()

    async def answer(self, request: Request, out: Out) -> None:
        async with self.locks.setdefault(request.headers.get("mcp-session-id", ""), asyncio.Lock()):
            pass
        await super().answer(request, out)


# --- 10. Prompt


@mutant("unbounded", law=10, fast=MANY, costly=True)
class LooksThroughAll(Sound):
    """A replay looks through all that is kept, slowly."""

    async def before(self, reader: Reader) -> None:
        await asyncio.sleep(len(reader.stream.kept) / 4000)
