"""The checker: puts the laws to one server, case by case, in limited time. What was seen is a verdict."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import httpx

from laboratory.lab import Lab, tidy
from laboratory.oracle import Fault, Verdict
from laboratory.outcomes import BlindError, BrokenError, NotReachedError, UnfitError, UnknownError
from laboratory.peer import Peer
from laboratory.results import Report, Result
from laboratory.session import FullError, NotMcpError
from laboratory.stream import now
from laboratory.survey import look_again, survey
from laboratory.tools import Arguments
from laws.law import LAWS, Case, Law, owner

ENOUGH = 3  # broken cases of a law
BLIND = 3  # tries of a case in which nothing had an id
OF_COMPARISON = {Verdict.LOST, Verdict.DOUBLED, Verdict.MOVED, Verdict.CORRUPTED}
OF_SILENCE = {Verdict.HUNG, Verdict.DEAF, Verdict.CANCELLED}


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
    sought: frozenset[str] = frozenset()  # verdicts, of which one is enough
    fail_args: Arguments | None = None  # with which a tool of 2026-07-28 fails
    ask_args: Arguments | None = None  # with which it asks

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
            await survey(lab, (order.args, order.fast_args, order.long_args), order.quiet)
    except TimeoutError:
        why = "an uncut run did not end in time: ask for fewer messages, or give more with --time-limit"
    except BrokenError as error:
        file_uncut(report, error.faults, order.seed)
        why = "an uncut run was broken already"
    except (UnknownError, httpx.RequestError, NotMcpError, FullError) as error:
        why = f"the server could not be surveyed: {type(error).__name__}: {error}"
    except UnfitError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a server does, there is a report)
        why = mishap(error)
    else:
        where = {"POST": "the POST's own stream", "GET": "the session's standing GET stream"}[lab.home]
        file_uncut(report, lab.seen, order.seed)
        due, fast = len(lab.slow.due[lab.home]), len(lab.fast.due[lab.home])
        report.surveyed = f"an uncut run: {due} messages on {where}; the fast one: {fast}"
        return True
    for result in report.results:
        result.unknown = why
    return False


def file_uncut(report: Report, faults: Sequence[Fault], seed: int) -> None:
    """What was seen before any question was put."""
    whole = next(law for law in LAWS if law.essential)
    for fault in faults:
        report.file(fault, owner(fault.verdict, whole), seed)


def mishap(error: Exception) -> str:
    return f"an error of the checker: {type(error).__name__}: {error}"


async def put_all(lab: Lab, order: Order, report: Report, until: float, tell: Callable[[], None]) -> None:
    """Light cases side by side, as far as the server has sessions for them; then the others, each alone."""
    slots = asyncio.Semaphore(order.side_by_side)
    cases = [
        (turn, result, case)
        for result in list(report.results)
        for turn, case in enumerate(order.cases(result.law))
    ]
    # What is sought first, and the first case of each law before the second of any.
    cases.sort(key=lambda case: (not order.sought & case[1].law.names, case[0]))
    postponed: list[tuple[Result, Case]] = []
    report.planned = len(cases)

    async def in_turn(result: Result, case: Case) -> None:
        async with slots:
            asked = f"law {result.law.number}, {result.law.name}, seed {case.seed}"
            report.under_way.append(asked)
            tell()
            if result.broken < ENOUGH and not report.died and not order.sought & report.verdicts:
                try:
                    await put(lab, report, result, case, until)
                except FullError:
                    postponed.append((result, case))
                    report.tried -= 1
            if report.died:
                result.unknown = f"the server no longer answers, since this was asked: {report.died}"
            report.under_way.remove(asked)
            report.tried += 1
            tell()

    light = [] if lab.crowded else [one for one in cases if not one[1].law.heavy]
    if order.sought and not any(order.sought & result.law.names for _, result, _ in light):
        light = []  # what is sought is seen by the others, if at all: the light ones come after them
    async with asyncio.TaskGroup() as tasks:
        for _, result, case in light:
            tasks.create_task(in_turn(result, case))
    lab.crowded = True  # nobody else holds a session now: who gets none has no chance
    for result, case in [*postponed, *(one[1:] for one in cases if one not in light)]:
        await in_turn(result, case)


async def attempt(lab: Lab, law: Law, case: Case, until: float) -> Exception | None:
    """One case; what was lost before it had an id is asked again."""
    for again in range(BLIND):
        try:
            async with tidy(), asyncio.timeout_at(until):
                try:
                    await law.check(lab, Case(case.seed))
                finally:
                    lab.peer.heard = False  # a server that lives answers the DELETE of the case's sessions
        except BlindError as blind:
            if again == BLIND - 1:
                return blind
        except Exception as error:  # noqa: BLE001 (whatever a server does, there is a report)
            return error
        else:
            return None
    raise AssertionError


async def varies(lab: Lab, until: float) -> bool:
    """Whether its tool does, after all; where that cannot be found out, what was seen stands."""
    try:
        async with tidy(), asyncio.timeout_at(until):
            return not lab.sure and await look_again(lab)
    except (BrokenError, UnfitError, UnknownError, FullError, NotMcpError, httpx.RequestError, TimeoutError):
        return False


async def confirmed(lab: Lab, law: Law, case: Case, until: float, seen: BrokenError) -> Exception | None:
    """On a busy machine silence proves nothing: the first time it is listened to again, by itself."""
    varied = lab.tool_varies
    async with lab.alone:
        verdicts = {fault.verdict for fault in seen.faults}
        if verdicts & OF_COMPARISON and (await varies(lab, until) or lab.tool_varies != varied):
            return await attempt(lab, law, case, until)
        if verdicts - OF_SILENCE or verdicts <= lab.confirmed:
            return seen
        lab.peer.calm = 2.0
        again = await attempt(lab, law, case, until)
        if not isinstance(again, BrokenError):
            again = await attempt(lab, law, case, until)
        lab.peer.calm = 1.0
        if isinstance(again, BrokenError):
            lab.confirmed |= {fault.verdict for fault in again.faults}
        return again


async def put(lab: Lab, report: Report, result: Result, case: Case, until: float) -> None:
    """One case of one law. What is seen of a server that has just died says only that it has."""
    varied, before = lab.tool_varies, len(lab.seen)
    seen = await attempt(lab, result.law, case, until)
    if isinstance(seen, BrokenError) and lab.tool_varies != varied:
        seen = await attempt(lab, result.law, case, until)  # that was found out meanwhile
    if isinstance(seen, BrokenError) and result.broken < ENOUGH:
        seen = await confirmed(lab, result.law, case, until, seen)
        file_uncut(report, lab.seen[before:], case.seed)
    if not (report.died or lab.peer.heard or await lab.peer.lives()):
        report.died = " or ".join(report.under_way)
        came = f"nobody answers any more, since this was asked: {report.died}"
        report.file(Fault(Verdict.DIED, "a server that lives", came), result.law, case.seed)
    if report.died:
        return
    match seen:
        case None:
            result.cases += 1
        case BrokenError():
            by_law = {owner(fault.verdict, result.law).name: fault for fault in reversed(seen.faults)}
            filed = [report.file(fault, result.law, case.seed) for fault in by_law.values()]
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
        case FullError():
            raise seen
        case httpx.RequestError() | NotMcpError():
            result.unknown = f"the server could not be spoken to ({type(seen).__name__}: {seen})"
        case _:
            result.unknown = mishap(seen)
