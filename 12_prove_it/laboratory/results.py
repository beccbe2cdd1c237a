"""What has become of the questions: the outcome of each, and the report of all.

outcome      a law holds, is broken, does not apply here (not reached), or is unknown: that proves nothing
asked, seen  a question is asked of one law; a fault that is seen is filed under the law that it breaks
"""

from dataclasses import dataclass, field
from enum import StrEnum

from laboratory.oracle import Fault
from laws import of_bounds, of_ids, of_sessions, of_the_door, of_the_stream, of_the_whole
from laws.law import LAWS, Law, Weight, owner

HELD_IN = (of_ids, of_the_whole, of_sessions, of_the_stream, of_the_door, of_bounds)  # they have filled LAWS
LAWS.sort(key=lambda law: law.number)


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
    planned: int = 0  # cases
    tried: int = 0
    under_way: list[str] = field(default_factory=list[str])  # what is asked just now
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
