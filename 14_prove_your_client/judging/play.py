"""One play: what a case has the client go through, on a wire of its own, and what was asked of us meanwhile.

routine   what any server answers: the handshake, pings, lists, the standing GET
scripted  calls of the tool and GETs with Last-Event-ID: a case waits for them, and says what comes of each
running   the client: a program, or in tests a coroutine
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from judging.manners import HANDSHAKES, Manners
from judging.streams import Stream
from judging.verdicts import BrokenError, NotReachedError, UnknownError, Verdict
from judging.wire import Asked, Cut, Wire

LONGEST = 4  # times the limit of silence: for all of a play
LAST_WORDS = 300  # characters of what a client said
LOOP = 10  # refused requests after which nobody can say that it ends


class Running(Protocol):
    """The client under way."""

    output: str

    @property
    def code(self) -> int | None: ...


@dataclass
class Play:
    seed: int
    expect: str = "done"
    era: str = HANDSHAKES[-1]
    pace: float = 1.0  # of all that takes time; tests are quicker
    time_limit: float = 75.0
    expected_calls: int = 1
    running: Running | None = None
    calls: list[Asked] = field(default_factory=list[Asked])
    polls: list[Asked] = field(default_factory=list[Asked])  # of a task
    resumes: list[Asked] = field(default_factory=list[Asked])
    streams: list[Stream] = field(default_factory=list[Stream])
    faults: list[BrokenError] = field(default_factory=list[BrokenError])  # whatever was asked
    end: Exception | None = None  # what came of it, if it did not hold
    refusal: Callable[[Asked], Awaitable[None]] | None = None  # of all that would resume
    refused: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 (to be repeated, not to be unguessable)
        self.wire = Wire(self.take)
        self.nonce = "n" + secrets.token_hex(4)
        self.manners = Manners(self)
        self.answers: list[str] = []

    # What comes

    async def take(self, asked: Asked) -> None:
        try:
            routine = await self.manners.answered(asked)
        except BrokenError as fault:
            self.faults.append(fault)
            routine = await self.manners.answered(asked, strict=False)
        if routine:
            return
        if asked.message and asked.message.method.startswith("tasks/"):
            self.polls.append(asked)
        elif asked.method == "POST":
            self.calls.append(asked)
            if len(self.calls) > self.expected_calls:
                await self.again(asked)
        else:
            await self.take_resume(asked)

    async def again(self, asked: Asked) -> None:
        """One call too many is answered, too; after the end of a session it is the client's to choose."""
        if self.manners.ended_at is None:
            came = f"{len(self.calls)} POSTs of tools/call"
            self.faults.append(BrokenError(Verdict.RAN_TWICE, f"{self.expected_calls} of the call", came))
        stream = self.new_stream(asked)
        await asked.open()
        await stream.respond()

    async def take_resume(self, asked: Asked) -> None:
        if self.refusal:
            self.refused += 1
            await self.refusal(asked)
            return
        if stream := self.stream_of(asked):
            self.check_haste(stream, asked)
            if stream in self.manners.standings and not stream.is_carried:
                await self.manners.stand_again(stream, asked)
                return
            self.check_owner(stream, asked)
        self.resumes.append(asked)

    @property
    def all_streams(self) -> list[Stream]:
        return [*self.streams, *self.manners.standings]

    def stream_of(self, asked: Asked) -> Stream | None:
        return next((one for one in self.all_streams if one.place(asked.last_event_id or "")), None)

    def check_owner(self, stream: Stream, asked: Asked) -> None:
        """Nobody needs to come back twice for one stream while another is waited for."""
        again = stream.is_carried or any(self.stream_of(one) is stream for one in self.resumes)
        if again and any(other.cut_at is not None for other in self.streams if other is not stream):
            came = f"{asked.last_event_id!r}, of a stream that nobody has cut, or a second time"
            self.faults.append(BrokenError(Verdict.FOREIGN_STREAM, "the id of the stream that was cut", came))

    def check_haste(self, stream: Stream, asked: Asked) -> None:
        if stream.cut_at is None or stream.retry is None:
            return
        waited, due = asked.at - stream.cut_at, stream.retry / 1000
        if waited < due * 0.97 - 0.005:
            expected = f"at least {stream.retry} ms, as `retry:` says"
            self.faults.append(BrokenError(Verdict.HASTY, expected, f"back after {waited * 1000:.0f} ms"))

    # What a case waits for

    def seconds(self, number: float) -> float:
        return number * self.pace

    def ms(self, number: int) -> int:
        return max(1, round(number * self.pace))

    @property
    def has_ended(self) -> bool:
        return self.running is not None and self.running.code is not None

    async def until(self, seen: Callable[[], object], limit: float | None = None) -> bool:
        """Whether it was seen before the client ended, and before all was silent for too long."""
        began = self.wire.now()
        while not seen() and not self.has_ended:
            if limit is None:
                left = min(self.wire.last + self.time_limit, LONGEST * self.time_limit) - self.wire.now()
            else:
                left = began + limit - self.wire.now()
            if left <= 0:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(self.wire.news.wait(), left)
        return bool(seen())

    async def sleep(self, seconds: float) -> None:
        """So long, or until the client has ended."""
        await self.until(lambda: False, self.seconds(seconds))

    def ended(self) -> str:
        code = self.running.code if self.running else None
        silent = self.wire.now() - (self.wire.asked[-1].at if self.wire.asked else 0.0)
        told = f"exit code {code}, {silent:.1f} s after its last request"
        return told if code is not None else "nothing came"

    def last_words(self) -> str:
        said = " ".join((self.running.output if self.running else "").split())
        return f"; it said: {said[-LAST_WORDS:]}" if said else "; it said nothing"

    async def call(self, *, stream: bool = True) -> Stream:
        """The next call of the tool; its answer is a stream that stands open."""
        number = len(self.streams)
        if not await self.until(lambda: len(self.calls) > number):
            if reason := self.manners.why_not:
                raise NotReachedError(reason)
            raise UnknownError(f"it did not call the tool: {self.ended()}{self.last_words()}")
        made = self.new_stream(self.calls[number])
        if stream:
            await made.asked.open()
        return made

    def new_stream(self, asked: Asked) -> Stream:
        letter = "abcdefgh"[len(self.streams) % 8]
        name = f"{letter}{self.rng.randrange(4096):03x}"
        stream = Stream(name, asked, self.rng, f"{self.nonce}{letter}")
        stream.answer = f"{self.expect}: counted, {self.nonce}{letter}"
        self.streams.append(stream)
        self.answers.append(stream.answer)
        return stream

    async def resumption(self, stream: Stream, gone: Verdict = Verdict.LOST) -> tuple[Asked, int]:
        """The GET that wants to go on with this stream, and after how many events."""

        def found() -> Asked | None:
            return next((one for one in self.resumes if self.is_for(one, stream)), None)

        def foreign() -> BrokenError | None:
            return next((one for one in self.faults if one.fault.verdict is Verdict.FOREIGN_STREAM), None)

        await self.until(lambda: foreign() or found())
        if fault := foreign():
            raise fault
        if asked := found():
            self.resumes.remove(asked)
            return asked, stream.check_cursor(asked.last_event_id or "")
        if self.faults:
            raise self.faults[0]
        due = f"a GET with Last-Event-ID {stream.newest()!r}"
        if self.has_ended:
            raise BrokenError(gone, due, self.ended())
        raise BrokenError(Verdict.HUNG, due, f"nothing for {self.time_limit:g} s, and the client waits")

    def is_for(self, asked: Asked, stream: Stream) -> bool:
        if stream.place(asked.last_event_id or ""):
            return True
        if self.stream_of(asked):
            others = [one for one in self.streams if one is not stream]
            if any(one.place(asked.last_event_id or "") and one.cut_at is not None for one in others):
                return False
            came = f"{asked.last_event_id!r}, an id of another stream"
            raise BrokenError(Verdict.FOREIGN_STREAM, f"an id such as {stream.newest()!r}", came)
        came = f"Last-Event-ID: {asked.last_event_id!r}, which was never sent"
        raise BrokenError(Verdict.MISLABELLED, f"{stream.newest()!r}", came)

    async def resumed(self, stream: Stream, gone: Verdict = Verdict.LOST) -> None:
        """It has come back; what it has missed goes out."""
        asked, place = await self.resumption(stream, gone)
        await asked.open()
        await stream.carry(asked, place)

    async def cut_and_wait(self, stream: Stream, how: Cut, gone: Verdict = Verdict.LOST) -> None:
        await stream.cut(how)
        await self.resumed(stream, gone)
