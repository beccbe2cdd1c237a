"""What a law is: a question that is put to a server, what it rests on, and how often it is tried.

MUST, SHOULD  the specification's words (2025-11-25, "Streamable HTTP")
our reading   what follows for a client that wants its messages, where the specification is silent or says MAY
stakes        what it is worth to a user
check         puts it: it holds, or raises BrokenError, NotReachedError (it does not apply) or UnknownError
names         the verdicts that a question is about; what else is seen is filed under the law that it breaks
case          one try of a law; its seed decides all that is random in it, so that it can be repeated
heavy         a law that has the server to itself
essential     without an answer to it nothing is proven
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from laboratory.judging import must_be_whole
from laboratory.lab import Lab
from laboratory.oracle import Fault, Verdict
from laboratory.outcomes import BrokenError, NotReachedError, UnknownError
from laboratory.play import SURELY, Play
from laboratory.session import Session
from laboratory.stream import LONGEST_RETRY, End, Stream

AT_ONCE = 0.2  # seconds
TRIES = 3  # a connection may be lost by chance, a kept one above all


class Weight(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"
    OURS = "our reading"


@dataclass
class Case:
    seed: int

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 (to be repeated, not to be unguessable)


@dataclass(frozen=True)
class Law:
    number: int
    name: str
    weight: Weight
    question: str
    clause: str
    stakes: str
    cases: int
    heavy: bool
    essential: bool
    names: frozenset[Verdict]
    check: "Check"


LAWS: list[Law] = []
TITLES = {
    1: "Stored, then sent",
    2: "Whole",
    3: "One seam",
    4: "Own stream, own session",
    5: "A cut is not a cancel",
    6: "It ends",
    7: "Said aloud",
    8: "Bounded",
    9: "Bad input",
    10: "Prompt",
}
WHOLE = frozenset(
    {
        Verdict.LOST,
        Verdict.DOUBLED,
        Verdict.MOVED,
        Verdict.CORRUPTED,
        Verdict.MISLABELLED,
        Verdict.HUNG,
        Verdict.DEAF,
    }
)
OWNERS = {  # the question under which a verdict is filed when another one was asked
    Verdict.DEAF: "a hundred cuts in a fast stream",
    Verdict.FOREIGN_STREAM: "streams are kept apart",
    Verdict.FOREIGN_SESSION: "twins are kept apart",
    Verdict.RAN_TWICE: "the tool runs on and once",
    Verdict.CANCELLED: "the tool runs on and once",
    Verdict.ENDLESS: "a resumed stream ends",
    Verdict.SILENT: "an unknown id is refused",
    Verdict.UNBOUNDED: "events are bounded",
    Verdict.OPEN_DOOR: "a foreign origin is refused",
}
Check = Callable[[Lab, Case], Awaitable[None]]


def law(
    number: int,
    weight: Weight,
    question: str,
    clause: str,
    stakes: str,
    *names: Verdict,
    cases: int = 1,
    heavy: bool = False,
    essential: bool = False,
) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        name, about = check.__name__.replace("_", " "), frozenset(names)
        LAWS.append(
            Law(number, name, weight, question, clause, stakes, cases, heavy, essential, about, check)
        )
        return check

    return add


def owner(verdict: Verdict, asked: Law) -> Law:
    """The law that is broken by what was seen: the one that was asked, if it is about that."""
    if verdict in asked.names or verdict is Verdict.DIED:
        return asked
    name = OWNERS.get(verdict, "the whole is the same")
    return next(law for law in LAWS if law.name == name)


def broken(verdict: Verdict, expected: str, came: str, evidence: object = "") -> BrokenError:
    return BrokenError(Fault(verdict, expected, came, str(evidence)))


def home(lab: Lab, play: Play) -> Stream:
    return play.post if lab.home == "POST" else play.get


async def whole_run(
    lab: Lab, *, fast: bool = False, session: Session | None = None, direct: bool = False
) -> tuple[Play, Stream]:
    """An uncut call that is what it should be, and the stream at home: what its ids bring is asked next."""
    events_at_home(lab, fast=fast)
    for _ in range(TRIES):
        play = await lab.play(lab.fast if fast else lab.slow, session=session, direct=direct)
        must_be_whole(lab, play)
        if len(home(lab, play).ids) > 1:
            return play, home(lab, play)
    raise UnknownError("calls that nobody cut were lost before their first id came")


async def in_time(lab: Lab, play: Callable[[], Awaitable[Play]], resumes: int) -> None:
    """Plays until it was cut while the tool ran, and resumed so often: a busy machine may be late."""
    for _ in range(TRIES):
        played = await play()
        must_be_whole(lab, played)
        stream = home(lab, played)
        if played.early(stream.ended[:1]) and played.early(stream.stood[1:]) >= resumes:
            return
        if (resumes + 3) * lab.peer.latency > SURELY * played.oracle.shortest:
            return  # the server itself is too slow for that
    if lab.slow.shortest < AT_ONCE:
        raise NotReachedError("the tool is over at once: it cannot be cut while it runs")
    raise UnknownError(
        "the tool was over before it could be cut: ask for longer pauses, on a less busy machine"
    )


def events_at_home(lab: Lab, *, fast: bool = False) -> int:
    """How many events an uncut run has on the stream that is to be cut."""
    ids = home(lab, lab.uncut[-1 if fast else 0]).ids
    if len(ids) < 2:
        raise NotReachedError("its messages carry no ids, or there is only one: nothing can be resumed")
    return len(ids)


async def resumed(session: Session, event_id: str, patience: float = 0.0) -> Stream:
    """What the first moments of a GET with this Last-Event-ID bring: one message is enough."""
    stream = Stream(session, "GET", cursor=event_id)
    await stream.read(patience or session.peer.moment, lambda: bool(stream.events))
    return stream


async def replayed(session: Session, event_id: str, number: int) -> Stream:
    """All that this Last-Event-ID brings, up to a number of messages, on as many connections as it takes."""
    stream, before = Stream(session, "GET", cursor=event_id), -1
    while before < len(stream.events) < number:
        before = len(stream.events)
        if await stream.read(session.peer.patience, lambda: len(stream.events) >= number) is not End.OVER:
            break
        await asyncio.sleep(min(LONGEST_RETRY, stream.retry or 0.0))
    return stream
