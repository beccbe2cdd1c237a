"""The checker: puts the laws to one server, case by case, within a limit of time.

outcome  a law holds, is broken, or was not reached: its question could not be put, and that proves nothing
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

import httpx

from laboratory.lab import Arguments, BrokenError, Lab, NotReachedError, UnfitError, tidy
from laboratory.oracle import Fault
from laboratory.peer import Peer
from laboratory.session import NotMcpError, now
from laboratory.survey import survey
from laws import of_bounds, of_the_door, of_the_stream, of_the_whole
from laws.law import LAWS, Case, Law, Weight

HELD_IN = (of_the_whole, of_the_stream, of_the_door, of_bounds)  # they have filled LAWS
LAWS.sort(key=lambda law: law.number)
OWN_SESSION = 4  # the law that is broken when uncut runs are mixed
ENOUGH = 3  # broken cases of a law


class Outcome(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"
    NOT_REACHED = "not reached"


@dataclass
class Result:
    """What has become of one law, over all its cases."""

    law: Law
    cases: int = 0  # that were tried, and had an answer
    broken: int = 0
    fault: Fault | None = None  # the first
    seed: int | None = None  # of its case
    why: str = ""  # it was not reached

    @property
    def outcome(self) -> Outcome:
        if self.fault:
            return Outcome.BROKEN
        return Outcome.HOLDS if self.cases else Outcome.NOT_REACHED


@dataclass
class Report:
    url: str
    tool: str
    seed: int
    command: str  # that puts the same questions again
    surveyed: str = ""
    results: list[Result] = field(default_factory=list[Result])
    seconds: float = 0.0
    requests: int = 0

    def count(self, outcome: Outcome, *weights: Weight) -> int:
        return sum(result.outcome is outcome and result.law.weight in weights for result in self.results)

    def passes(self, *, strict: bool) -> bool:
        weights = list(Weight) if strict else [Weight.MUST, Weight.OURS]
        return not self.count(Outcome.BROKEN, *weights) and bool(self.count(Outcome.HOLDS, *Weight))

    @property
    def verdicts(self) -> set[str]:
        return {result.fault.verdict for result in self.results if result.fault}


@dataclass(frozen=True)
class Order:
    """What is to be proven, and how thoroughly."""

    tool: str
    args: Arguments
    fast_args: Arguments | None
    seed: int
    law: int | None = None  # only this one
    one_case: bool = False  # only the case with this very seed
    quiet: float = 1.5
    time_limit: float = 60.0
    thorough: float = 1.0  # of the number of cases
    side_by_side: int = 12  # cases at the same time

    def cases(self, law: Law) -> list[Case]:
        number = 1 if self.one_case else max(1, round(law.cases * self.thorough))
        return [Case(self.seed + n) for n in range(number)]


async def examine(peer: Peer, order: Order, report: Report, tell: Callable[[], None]) -> None:
    """Survey the server, then put the laws to it; `tell` is called whenever the report has grown."""
    began, until = now(), now() + order.time_limit
    lab = Lab(peer, order.tool, order.args, order.fast_args, Random(order.seed))  # noqa: S311
    try:
        async with tidy(), asyncio.timeout_at(until):
            await survey(lab, order.quiet)
    except TimeoutError:
        raise UnfitError(
            "An uncut run did not end within --time-limit: fewer messages, or more time."
        ) from None
    except BrokenError as error:
        report.results = [Result(law, why="sessions are mixed already when nothing is cut") for law in LAWS]
        first = next(result for result in report.results if result.law.number == OWN_SESSION)
        first.fault, first.cases, first.broken, first.seed = error.fault, 1, 1, order.seed
        report.seconds, report.requests = now() - began, peer.requests
        return
    where = {"POST": "the POST's own stream", "GET": "the session's standing GET stream"}[lab.home]
    due, fast = len(lab.slow.due[lab.home]), len(lab.fast.due[lab.home])
    report.surveyed = f"an uncut run: {due} messages on {where}; the fast one: {fast}"
    report.results = [Result(law) for law in LAWS if order.law in (None, law.number)]
    tell()
    await put_all(lab, order, report, until, tell)
    report.seconds, report.requests = now() - began, peer.requests


async def put_all(lab: Lab, order: Order, report: Report, until: float, tell: Callable[[], None]) -> None:
    """Light cases side by side, then heavy ones, one after another."""
    slots = asyncio.Semaphore(order.side_by_side)
    cases = [
        (turn, result, case) for result in report.results for turn, case in enumerate(order.cases(result.law))
    ]
    cases.sort(key=lambda case: case[0])  # the first case of each law before the second of any

    async def in_turn(result: Result, case: Case) -> None:
        async with slots:
            await put(lab, result, case, until)
            tell()

    async with asyncio.TaskGroup() as tasks:
        for _, result, case in cases:
            if not result.law.heavy:
                tasks.create_task(in_turn(result, case))
    for _, result, case in cases:
        if result.law.heavy:
            await put(lab, result, case, until)
            tell()


async def put(lab: Lab, result: Result, case: Case, until: float) -> None:
    """One case of one law; when some are broken, the rest is not needed."""
    if result.broken >= ENOUGH:
        return
    try:
        async with tidy(), asyncio.timeout_at(until):
            await result.law.check(lab, case)
    except BrokenError as error:
        result.cases += 1
        result.broken += 1
        if result.fault is None:
            result.fault, result.seed = error.fault, case.seed
    except NotReachedError as error:
        result.why = result.why or str(error)
    except TimeoutError:
        in_time = now() < until
        result.why = "a request was not answered" if in_time else "the time was over (--time-limit)"
    except (httpx.TransportError, NotMcpError) as error:
        result.why = f"the server could not be spoken to ({type(error).__name__}: {error})"
    else:
        result.cases += 1
