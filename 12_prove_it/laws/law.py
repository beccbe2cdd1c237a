"""What a law is: a question that is put to a server, what it rests on, and how often it is tried.

MUST, SHOULD  the specification's words (2025-11-25, "Streamable HTTP")
our reading   what follows for a client that wants its messages, where the specification is silent or says MAY
stakes        what it is worth to a user
check         puts it: it holds, or raises BrokenError or NotReachedError
case          one try of a law; its seed decides all that is random in it, so that it can be repeated
heavy         a law that has the server to itself
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from laboratory.lab import BrokenError, Lab, NotReachedError, Play
from laboratory.oracle import Fault, Verdict
from laboratory.session import Session, Stream


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
    check: Callable[[Lab, Case], Awaitable[None]]


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
Check = Callable[[Lab, Case], Awaitable[None]]


def law(
    number: int,
    weight: Weight,
    question: str,
    clause: str,
    stakes: str,
    *,
    cases: int = 1,
    heavy: bool = False,
) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        name = check.__name__.replace("_", " ")
        LAWS.append(Law(number, name, weight, question, clause, stakes, cases, heavy, check))
        return check

    return add


def broken(verdict: Verdict, expected: str, came: str, evidence: object = "") -> BrokenError:
    return BrokenError(Fault(verdict, expected, came, str(evidence)))


def home(lab: Lab, play: Play) -> Stream:
    return play.post if lab.home == "POST" else play.get


def events_at_home(lab: Lab, *, fast: bool = False) -> int:
    """How many events an uncut run has on the stream that is to be cut."""
    ids = home(lab, lab.uncut[-1 if fast else 0]).ids
    if len(ids) < 2:
        raise NotReachedError("its messages carry no ids, or there is only one: nothing can be resumed")
    return len(ids)


async def resumed(session: Session, event_id: str, patience: float = 1.0) -> Stream:
    """What the first moments of a GET with this Last-Event-ID bring: one message is enough."""
    stream = Stream(session, "GET", cursor=event_id)
    await stream.read(patience, lambda: bool(stream.events))
    return stream
