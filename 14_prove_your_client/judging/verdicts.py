"""What can be wrong with a client, each fault by its name, and how much a question weighs."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    LOST = "lost"
    DOUBLED = "doubled"
    MOVED = "moved"
    CORRUPTED = "corrupted"
    MISLABELLED = "mislabelled"
    FOREIGN_STREAM = "foreign-stream"
    FOREIGN_SESSION = "foreign-session"
    RAN_TWICE = "ran-twice"
    CANCELLED = "cancelled"
    SILENT = "silent"
    ENDLESS = "endless"
    HUNG = "hung"
    DEAF = "deaf"
    HASTY = "hasty"
    GAVE_UP = "gave-up"


MEANS = {
    Verdict.LOST: "an answer or a message is there, and the caller does not get it",
    Verdict.DOUBLED: "a message is asked for, or handled, a second time",
    Verdict.MOVED: "messages are handled in another order",
    Verdict.CORRUPTED: "what the stream says is read as something else",
    Verdict.MISLABELLED: "a request lacks a header that it needs, or has one that was never issued",
    Verdict.FOREIGN_STREAM: "a stream is resumed with the id of another",
    Verdict.FOREIGN_SESSION: "a new session is opened in the name of the old one",
    Verdict.RAN_TWICE: "the call is made again, so the tool runs again",
    Verdict.CANCELLED: "the call is cancelled, because a connection was lost",
    Verdict.SILENT: "the answer is lost, and the caller is not told",
    Verdict.ENDLESS: "the same refused request is made again and again",
    Verdict.HUNG: "the caller waits for ever",
    Verdict.DEAF: "a question of the server's gets no answer",
    Verdict.HASTY: "it comes back sooner than it was asked to",
    Verdict.GAVE_UP: "it stops asking, though there is a way on",
}


class Weight(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"
    OURS = "our reading"


class Outcome(StrEnum):
    HOLDS = "holds"
    BROKEN = "broken"
    NOT_REACHED = "not reached"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fault:
    verdict: Verdict
    expected: str
    came: str
    home: str = ""  # the case that it belongs to, whichever has seen it


class BrokenError(Exception):
    def __init__(self, verdict: Verdict, expected: str, came: str, home: str = "") -> None:
        super().__init__(f"{verdict}: expected {expected}; came {came}")
        self.fault = Fault(verdict, expected, came, home)


class NotReachedError(Exception):
    """The question does not apply to this client."""


class UnknownError(Exception):
    """The question applies, and has no answer."""
