"""The lies that `server.py` can tell, with the verdict of each: one for each that a server survives."""

from dataclasses import dataclass
from enum import StrEnum


class Lie(StrEnum):
    NONE = "honest"
    LOSE_IN_THE_SEAM = "lose-in-the-seam"
    REPEAT_THE_LAST = "repeat-the-last"
    SWAP_THE_FIRST = "swap-the-first"
    MIX_STREAMS = "mix-streams"
    SHARE_IDS = "share-ids"
    RUN_AGAIN = "run-again"
    CANCEL_ON_CUT = "cancel-on-cut"
    EMPTY_200 = "empty-200"
    NEVER_END = "never-end"
    NEVER_ANSWER = "never-answer"
    FORGET_THE_TAIL = "forget-the-tail"
    TAKE_ANY_BODY = "take-any-body"
    ASK_NO_ORIGIN = "ask-no-origin"


@dataclass(frozen=True)
class Told:
    verdict: str  # empty: none
    what: str


LIES: dict[str, Told] = {
    Lie.NONE: Told("", "tells no lie"),
    Lie.LOSE_IN_THE_SEAM: Told("lost", "subscribes to the live tail a moment after the replay"),
    Lie.REPEAT_THE_LAST: Told("doubled", "replays from the cursor on, not from after it"),
    Lie.SWAP_THE_FIRST: Told("moved", "replays the second message that was missed before the first"),
    Lie.MIX_STREAMS: Told("foreign-stream", "replays whatever the session sent, on whichever stream"),
    Lie.SHARE_IDS: Told("foreign-session", "looks an id up in all sessions"),
    Lie.RUN_AGAIN: Told("ran-twice", "starts the tool again when a client comes back"),
    Lie.CANCEL_ON_CUT: Told("cancelled", "takes a lost connection for a wish to stop"),
    Lie.EMPTY_200: Told("silent", "answers an id that it does not know with nothing, successfully"),
    Lie.NEVER_END: Told("endless", "leaves the stream open after the response"),
    Lie.NEVER_ANSWER: Told("hung", "accepts a client that comes back, and says nothing"),
    Lie.FORGET_THE_TAIL: Told("deaf", "replays the backlog, and never the live tail"),
    Lie.TAKE_ANY_BODY: Told("unbounded", "reads a body of any size"),
    Lie.ASK_NO_ORIGIN: Told("open-door", "serves pages of any Origin"),
}
