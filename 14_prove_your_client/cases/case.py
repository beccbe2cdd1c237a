"""What a case is: a play that a client goes through, what it asks, and what that rests on.

MUST, SHOULD  the specification's words (2025-11-25, "Streamable HTTP", or the text that the clause names)
our reading   what follows for a client that wants its answer, where the specification is silent or says MAY
names         the verdicts that a case is about; what else is seen is filed under the case that it belongs to
ends          how the client's program has to end: with the answer, with an error, or with either of them
rude          a reset may take what was already sent: a fault counts only if it is seen twice
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from judging.manners import HANDSHAKES
from judging.play import Play
from judging.verdicts import Fault, Verdict, Weight

Script = Callable[[Play], Awaitable[None]]


class Ends(Enum):
    ANSWER = "with the answer on its output, and exit code 0"
    ERROR = "with an error: an exit code that is not 0"
    EITHER = "with the answer, or with an error"


@dataclass(frozen=True)
class Case:
    room: str
    law: int
    name: str
    weight: Weight
    question: str
    clause: str
    stakes: str
    names: frozenset[Verdict]
    ends: Ends
    era: str
    calls: int
    rude: bool
    wrong: Verdict  # when the client ends with an error, and the answer was there
    script: Script


CASES: list[Case] = []
ALWAYS = frozenset({Verdict.LOST, Verdict.HUNG, Verdict.SILENT})
OWNERS = {  # the case under which a fault is filed that another one has seen
    Verdict.LOST: "a drop in the middle",
    Verdict.HUNG: "a drop in the middle",
    Verdict.SILENT: "a drop in the middle",
    Verdict.GAVE_UP: "a drop in the middle",
    Verdict.DOUBLED: "cut again after an event",
    Verdict.RAN_TWICE: "the call is made once",
    Verdict.CANCELLED: "a cut is not a cancel",
    Verdict.HASTY: "retry is waited for",
    Verdict.MISLABELLED: "headers on each request",
    Verdict.FOREIGN_SESSION: "a new session after a 404",
}
HANDLERS = "messages once and in order"  # the case of what a user's handlers get


def case(
    law: int,
    weight: Weight,
    question: str,
    *names: Verdict,
    clause: str,
    stakes: str,
    ends: Ends = Ends.ANSWER,
    era: str = HANDSHAKES[-1],
    calls: int = 1,
    rude: bool = False,
    wrong: Verdict = Verdict.LOST,
    name: str = "",
) -> Callable[[Script], Script]:
    def add(script: Script) -> Script:
        about = frozenset(names) | (ALWAYS if weight is Weight.OURS else frozenset[Verdict]())
        title = name or script.__name__.replace("_", " ")
        room = script.__module__.rpartition(".")[2].replace("_", " ")
        CASES.append(
            Case(
                room,
                law,
                title,
                weight,
                question,
                clause,
                stakes,
                about,
                ends,
                era,
                calls,
                rude,
                wrong,
                script,
            )
        )
        return script

    return add


def owner(fault: Fault, asked: Case) -> Case:
    """The case that a fault belongs to: the one that was asked, if it is about that."""
    if not fault.home and (fault.verdict in asked.names or fault.verdict not in OWNERS):
        return asked
    name = fault.home or OWNERS[fault.verdict]
    return next(one for one in CASES if one.name == name)
