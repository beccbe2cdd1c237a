"""The checker: puts the laws to one server, case by case, within a limit of time. What was seen is a verdict.

outcome      a law holds, is broken, does not apply here (not reached), or is unknown: that proves nothing
asked, seen  a question is asked of one law; a fault that is seen is filed under the law that it breaks
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

import httpx

from laboratory.lab import Arguments, BrokenError, Lab, NotReachedError, UnfitError, UnknownError, tidy
from laboratory.oracle import Fault, Verdict
from laboratory.peer import Peer
from laboratory.session import FullError, NotMcpError, now
from laboratory.survey import survey
from laws import of_bounds, of_ids, of_sessions, of_the_door, of_the_stream, of_the_whole
from laws.law import LAWS, Case, Law, Weight, owner

HELD_IN = (of_ids, of_the_whole, of_sessions, of_the_stream, of_the_door, of_bounds)  # they have filled LAWS
LAWS.sort(key=lambda law: law.number)
ENOUGH = 3  # broken cases of a law
OF_SILENCE = {Verdict.HUNG, Verdict.DEAF, Verdict.CANCELLED}


class Outcome(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"
    NOT_REACHED = "not reached"
    UNKNOWN = "unknown"


@dataclass
class Result:
    """What has become of one law, over all its cases."""

    law: Law
    cases: int = 0  # that were tried, and had an answer
    broken: int = 0
    fault: Fault | None = None  # the first
    asked: Law | None = None  # by the case that has seen it
    seed: int | None = None  # of that case
    why: str = ""  # it was not reached
    unknown: str = ""  # why

    @property
    def outcome(self) -> Outcome:
        if self.fault:
            return Outcome.BROKEN
        if self.unknown or (self.law.essential and not self.cases):
            return Outcome.UNKNOWN
        if self.cases:
            return Outcome.HOLDS
        return Outcome.NOT_REACHED if self.why else Outcome.UNKNOWN

    @property
    def reason(self) -> str:
        return self.unknown or self.why or "it was not asked"


@dataclass
class Report:
    url: str
    tool: str
    seed: int
    command: str  # that puts the same questions again
    surveyed: str = ""
    died: str = ""  # while what was asked
    unfit: str = ""  # why nothing could be asked
    results: list[Result] = field(default_factory=list[Result])
    seconds: float = 0.0
    requests: int = 0

    def count(self, outcome: Outcome, *weights: Weight) -> int:
        return sum(result.outcome is outcome and result.law.weight in weights for result in self.results)

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

    def result_of(self, law: Law) -> Result:
        """The one of this law, which may be one that was not asked for."""
        for result in self.results:
            if result.law is law:
                return result
        self.results.append(Result(law))
        self.results.sort(key=lambda result: LAWS.index(result.law))
        return self.results[[result.law for result in self.results].index(law)]

    def file(self, fault: Fault, asked: Law, seed: int) -> Law:
        """Under the law that it breaks, whichever was asked."""
        law = owner(fault.verdict, asked)
        result = self.result_of(law)
        result.broken += 1
        result.cases += law is not asked
        if result.fault is None:
            result.fault, result.asked, result.seed = fault, asked, seed
        return law


@dataclass(frozen=True)
class Order:
    """What is to be proven, and how thoroughly."""

    tool: str
    args: Arguments | None
    fast_args: Arguments | None
    seed: int
    law: int | None = None  # only this one
    one_case: bool = False  # only the case with this very seed
    quiet: float = 1.5
    time_limit: float = 180.0
    thorough: float = 1.0  # of the number of cases
    side_by_side: int = 12  # cases at the same time
    long_args: Arguments | None = None
    flood: int | None = None  # messages in one session; None: until some are forgotten
    sought: str = ""  # a verdict at which it is enough

    def cases(self, law: Law) -> list[Case]:
        number = 1 if self.one_case else max(1, round(law.cases * self.thorough))
        return [Case(self.seed + n) for n in range(number)]


async def examine(peer: Peer, order: Order, report: Report, tell: Callable[[], None]) -> None:
    """Survey the server, then put the laws to it; `tell` is called whenever the report has grown."""
    began, until = now(), now() + order.time_limit
    lab = Lab(peer, order.tool, Random(order.seed), order.flood)  # noqa: S311
    report.results = [Result(law) for law in LAWS if order.law in (None, law.number)]
    pulse = asyncio.create_task(peer.feel_the_lag())
    try:
        if await surveyed(lab, order, report, until):
            tell()
            await put_all(lab, order, report, until, tell)
    finally:
        pulse.cancel()
        await asyncio.wait({pulse})
        report.seconds, report.requests = now() - began, peer.requests


async def surveyed(lab: Lab, order: Order, report: Report, until: float) -> bool:
    """False: there is nothing to hold the server to, and the report says why."""
    try:
        async with tidy(), asyncio.timeout_at(until):
            await survey(lab, order.args, order.fast_args, order.long_args, order.quiet)
    except TimeoutError:
        why = "an uncut run did not end in time: ask for fewer messages, or give more with --time-limit"
    except BrokenError as error:
        for fault in error.faults:
            report.file(fault, owner(fault.verdict, LAWS[0]), order.seed)
        why = "an uncut run was broken already"
    except (UnknownError, httpx.RequestError, NotMcpError, FullError) as error:
        why = f"the server could not be surveyed: {type(error).__name__}: {error}"
    except UnfitError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a server does, there is a report)
        why = mishap(error)
    else:
        where = {"POST": "the POST's own stream", "GET": "the session's standing GET stream"}[lab.home]
        due, fast = len(lab.slow.due[lab.home]), len(lab.fast.due[lab.home])
        report.surveyed = f"an uncut run: {due} messages on {where}; the fast one: {fast}"
        return True
    for result in report.results:
        result.unknown = why
    return False


def mishap(error: Exception) -> str:
    return f"an error of the checker: {type(error).__name__}: {error}"


async def put_all(lab: Lab, order: Order, report: Report, until: float, tell: Callable[[], None]) -> None:
    """Light cases side by side, then heavy ones, one after another."""
    slots = asyncio.Semaphore(order.side_by_side)
    under_way: list[str] = []
    cases = [
        (turn, result, case)
        for result in list(report.results)
        for turn, case in enumerate(order.cases(result.law))
    ]
    cases.sort(key=lambda case: case[0])  # the first case of each law before the second of any

    async def in_turn(result: Result, case: Case) -> None:
        async with slots:
            name = f"law {result.law.number}, {result.law.name}, seed {case.seed}"
            under_way.append(name)
            if result.broken < ENOUGH and not report.died and order.sought not in report.verdicts:
                await put(lab, report, result, case, until, under_way)
            if report.died:
                result.unknown = f"the server no longer answers, since this was asked: {report.died}"
            under_way.remove(name)
            tell()

    async with asyncio.TaskGroup() as tasks:
        for _, result, case in cases:
            if not result.law.heavy:
                tasks.create_task(in_turn(result, case))
    for _, result, case in cases:
        if result.law.heavy:
            await in_turn(result, case)


async def attempt(lab: Lab, law: Law, case: Case, until: float) -> Exception | None:
    try:
        async with tidy(), asyncio.timeout_at(until):
            await law.check(lab, case)
    except Exception as error:  # noqa: BLE001 (whatever a server does, there is a report)
        return error
    return None


async def confirmed(lab: Lab, law: Law, case: Case, until: float, seen: BrokenError) -> Exception | None:
    """On a busy machine silence proves nothing: the first time it is listened to again, by itself."""
    async with lab.alone:
        verdicts = {fault.verdict for fault in seen.faults}
        if verdicts - OF_SILENCE or verdicts <= lab.confirmed:
            return seen
        lab.peer.calm = 2.0
        again = await attempt(lab, law, Case(case.seed), until)
        if not isinstance(again, BrokenError):
            again = await attempt(lab, law, Case(case.seed), until)
        lab.peer.calm = 1.0
        if isinstance(again, BrokenError):
            lab.confirmed |= {fault.verdict for fault in again.faults}
        return again


async def put(
    lab: Lab, report: Report, result: Result, case: Case, until: float, under_way: list[str]
) -> None:
    """One case of one law. What is seen of a server that has just died says only that it has."""
    seen = await attempt(lab, result.law, case, until)
    if isinstance(seen, BrokenError) and result.broken < ENOUGH:
        seen = await confirmed(lab, result.law, case, until, seen)
    if not report.died and not await lab.peer.lives():
        report.died = " or ".join(under_way)
    if report.died:
        return
    match seen:
        case None:
            result.cases += 1
        case BrokenError():
            filed = [report.file(fault, result.law, case.seed) for fault in seen.faults]
            if result.law in filed:
                result.cases += 1
            else:
                other = filed[0].number
                result.why = result.why or f"{seen.faults[0].verdict} was seen, which breaks law {other}"
        case NotReachedError():
            result.why = result.why or str(seen)
        case UnknownError():
            result.unknown = str(seen)
        case TimeoutError():
            in_time = now() < until
            result.unknown = "a request was not answered" if in_time else "the time was over (--time-limit)"
        case httpx.RequestError() | NotMcpError() | FullError():
            result.unknown = f"the server could not be spoken to ({type(seen).__name__}: {seen})"
        case _:
            result.unknown = mishap(seen)
