"""The judge: plays each case with a client of its own, and says what came of it.

outcome   a case holds, is broken, does not apply here (not reached), or is unknown: that proves nothing
asked     the case that has seen a fault, which is filed under the case that it belongs to
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from cases import away, ending, eras, half_events, refusing, resuming, streams, the_wire, waiting
from cases.case import CASES, HANDLERS, Case, Ends, owner
from judging.play import LOOP, Play
from judging.starting import Start
from judging.streams import Stream
from judging.verdicts import BrokenError, Fault, NotReachedError, Outcome, UnknownError, Verdict, Weight
from judging.wire import Moment, evidence

HELD_IN = (resuming, half_events, waiting, streams, ending, refusing, away, the_wire, eras)  # they fill CASES
CASES.sort(
    key=lambda one: [room.__name__.rpartition(".")[2].replace("_", " ") for room in HELD_IN].index(one.room)
)
FIRST = CASES[0]  # the uncut call: without it nothing can be asked


@dataclass
class Result:
    case: Case
    cases: int = 0  # plays that had an answer
    broken: int = 0
    fault: Fault | None = None
    asked: Case | None = None  # that has seen it
    seed: int | None = None
    why: str = ""  # it was not reached
    unknown: str = ""
    seconds: float = 0.0
    moments: list[Moment] = field(default_factory=list[Moment])

    @property
    def outcome(self) -> Outcome:
        if self.fault:
            return Outcome.BROKEN
        if self.unknown:
            return Outcome.UNKNOWN
        if self.why:
            return Outcome.NOT_REACHED
        return Outcome.HOLDS if self.cases else Outcome.UNKNOWN

    @property
    def reason(self) -> str:
        return self.unknown or self.why or "it was not asked"

    @property
    def evidence(self) -> str:
        return evidence(self.moments)


@dataclass
class Report:
    client: str  # the command
    seed: int
    command: str  # that judges it again
    results: list[Result] = field(default_factory=list[Result])
    unfit: str = ""
    seconds: float = 0.0
    requests: int = 0

    def count(self, outcome: Outcome, *weights: Weight) -> int:
        return sum(result.outcome is outcome and result.case.weight in weights for result in self.results)

    def broken(self, *, strict: bool) -> bool:
        weights = list(Weight) if strict else [Weight.MUST, Weight.OURS]
        return bool(self.count(Outcome.BROKEN, *weights))

    @property
    def unknown(self) -> bool:
        held = self.count(Outcome.HOLDS, *Weight) + self.count(Outcome.BROKEN, *Weight)
        return not held or bool(self.count(Outcome.UNKNOWN, *Weight))

    @property
    def verdicts(self) -> set[str]:
        return {result.fault.verdict for result in self.results if result.fault}

    def result_of(self, case: Case) -> Result:
        for result in self.results:
            if result.case is case:
                return result
        self.results.append(Result(case))
        self.results.sort(key=lambda result: CASES.index(result.case))
        return next(result for result in self.results if result.case is case)

    def file(self, fault: Fault, asked: Case, seed: int, moments: list[Moment]) -> Case:
        """Under the case that it belongs to, whichever was asked."""
        case = owner(fault, asked)
        result = self.result_of(case)
        result.broken += 1
        result.cases += case is not asked
        if result.fault is None:
            result.fault, result.asked, result.seed, result.moments = fault, asked, seed, moments
        return case


@dataclass(frozen=True)
class Order:
    """What is to be judged, and how."""

    seed: int
    cases: list[Case]
    expect: str = "done"
    time_limit: float = 75.0  # seconds of silence
    at_once: int = 4  # clients
    pace: float = 1.0
    two_calls: bool = True  # the client can make two calls at the same time
    sought: str = ""  # a verdict at which it is enough
    twice: frozenset[Verdict] = (
        frozenset()
    )  # verdicts that a busy machine may bring about: seen again, or not so


async def examine(start: Start, order: Order, report: Report, tell: Callable[[], None]) -> None:
    """Plays the uncut call, then all others, some at a time; `tell` is called whenever there is news."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    report.results = [Result(case) for case in order.cases]
    slots = asyncio.Semaphore(order.at_once)

    async def put_one(result: Result) -> None:
        async with slots:
            if order.sought in report.verdicts:
                return
            await put(start, order, report, result)
        report.seconds = loop.time() - began
        tell()

    try:
        first = next((result for result in report.results if result.case is FIRST), Result(FIRST))
        await put_one(first)
        if first.outcome is not Outcome.HOLDS:
            unfit(report, first)
            return
        async with asyncio.TaskGroup() as tasks:
            for result in list(report.results):
                if result is not first:
                    tasks.create_task(put_one(result))
    finally:
        report.seconds = loop.time() - began


def unfit(report: Report, first: Result) -> None:
    report.unfit = first.reason if not first.fault else f"{first.fault.verdict}: {first.fault.came}"
    for result in report.results:
        if result.case is not FIRST:
            result.unknown = "a call that nobody cut did not go well"


async def put(start: Start, order: Order, report: Report, result: Result) -> None:
    case = result.case
    if case.calls > 1 and not order.two_calls:
        result.why = "its command has no {calls}, so it makes one call"
        return
    play = await played(start, order, case, 1)
    if may_be_chance(play, order, rude=case.rude):
        play = await played(start, order, case, 3)
    report.requests += len(play.wire.asked)
    result.seconds, result.moments = play.wire.now(), play.wire.moments
    faults = {broken.fault.verdict: broken.fault for broken in reversed(play.faults)}
    if isinstance(play.end, BrokenError):
        faults[play.end.fault.verdict] = play.end.fault
    filed = [report.file(fault, case, order.seed, play.wire.moments) for fault in faults.values()]
    if isinstance(play.end, BrokenError) and case not in filed:
        result.why = f"{play.end.fault.verdict} was seen, which is filed under {filed[-1].name!r}"
    elif isinstance(play.end, NotReachedError):
        result.why = str(play.end)
    elif isinstance(play.end, UnknownError):
        result.unknown = str(play.end)
    else:
        result.cases += 1


def may_be_chance(play: Play, order: Order, *, rude: bool) -> bool:
    """What looks like a fault may be a reset's doing, or a slow machine's."""
    match play.end:
        case BrokenError():
            return rude or play.end.fault.verdict in order.twice
        case UnknownError():
            return bool(order.twice)
        case _:
            return False


async def played(start: Start, order: Order, case: Case, patience: float) -> Play:
    """One play, from the client's start to its end."""
    play = Play(order.seed, order.expect, case.era, order.pace, order.time_limit * patience, case.calls)
    await play.wire.listen()
    try:
        async with start(play.wire.url, case.calls, play.wire.changed) as play.running:
            await case.script(play)
            await conclude(play, case)
    except (BrokenError, NotReachedError, UnknownError) as end:
        play.end = end
    except OSError as error:
        play.end = UnknownError(f"an error of the judge: {error}")
    finally:
        await play.wire.close()
    return play


async def conclude(play: Play, case: Case) -> None:
    """The client's end: its exit code, and what is on its output."""
    expected = f"an end {case.ends.value}"
    if not await play.until(lambda: play.has_ended):
        silent = play.wire.now() - play.wire.last
        if silent < play.time_limit and play.refused > LOOP:
            raise BrokenError(Verdict.ENDLESS, expected, f"{play.refused} requests, and no end")
        raise BrokenError(Verdict.HUNG, expected, f"silence for {silent:.1f} s: it waits for ever")
    code, output = play.running.code if play.running else None, play.running.output if play.running else ""
    here = [text for text in play.answers if is_on(text, output)]
    whole = len(here) >= case.calls
    if case.ends is Ends.ERROR:
        if code == 0 and not play.faults:
            raise BrokenError(Verdict.SILENT, expected, f"exit code 0{play.last_words()}")
        return
    if code and case.ends is Ends.ANSWER:
        raise BrokenError(case.wrong, expected, f"exit code {code}{play.last_words()}")
    if not code and not whole:
        read = [text for text in play.answers if text.partition(" ")[0] in output and text not in here]
        verdict = Verdict.CORRUPTED if read and case.wrong is Verdict.CORRUPTED else Verdict.SILENT
        raise BrokenError(verdict, expected, f"exit code 0, without the tool's text{play.last_words()}")
    if not code:
        for stream in play.all_streams:
            check_messages(play, stream, output)


def is_on(text: str, output: str) -> bool:
    """As it is, or as JSON writes it."""
    escaped = "".join(f"\\u{ord(char):04x}" if 127 < ord(char) < 65536 else char for char in text)
    return text in output or escaped in output


def check_messages(play: Play, stream: Stream, output: str) -> None:
    """If the client prints what its handlers get, each has to be there once, and in order."""
    came, due = re.findall(rf"\b{stream.nonce}-\d+\b", output), stream.texts
    if not came or came == due:
        return
    told = f"{', '.join(text.partition('-')[2] for text in came)} of {len(due)}"
    expected = "each message once, in the order in which they were sent"
    wrong = {
        Verdict.LOST: set(due) - set(came),
        Verdict.DOUBLED: len(set(came)) < len(came),
        Verdict.MOVED: sorted(set(came), key=came.index) != [text for text in due if text in came],
    }
    play.faults += [BrokenError(verdict, expected, told, HANDLERS) for verdict, so in wrong.items() if so]
