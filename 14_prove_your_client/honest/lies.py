"""The lies that `client.py` can tell, and the verdict that each deserves: one for each verdict there is."""

from dataclasses import dataclass
from enum import StrEnum


class Lie(StrEnum):
    NONE = "honest"
    NEVER_COME_BACK = "never-come-back"
    KEEP_THE_FIRST_ID = "keep-the-first-id"
    NEWEST_FIRST = "newest-first"
    COUNT_HALVES = "count-halves"
    FORGET_HEADERS = "forget-headers"
    ONE_CURSOR = "one-cursor"
    KEEP_THE_SESSION = "keep-the-session"
    CALL_AGAIN = "call-again"
    CANCEL_ON_CUT = "cancel-on-cut"
    SAY_NOTHING = "say-nothing"
    ASK_FOR_EVER = "ask-for-ever"
    WAIT_FOR_THE_END = "wait-for-the-end"
    ANSWER_NO_PING = "answer-no-ping"
    BACK_AT_ONCE = "back-at-once"
    ONE_TRY = "one-try"


@dataclass(frozen=True)
class Told:
    verdict: str  # empty: none
    what: str


LIES = {
    Lie.NONE: Told("", "tells no lie"),
    Lie.NEVER_COME_BACK: Told("lost", "takes a cut for the end of the call"),
    Lie.KEEP_THE_FIRST_ID: Told("doubled", "resumes from the first id of a connection, not from the newest"),
    Lie.NEWEST_FIRST: Told("moved", "hands over the messages of a replay in the wrong order"),
    Lie.COUNT_HALVES: Told("corrupted", "counts an id before its event is whole"),
    Lie.FORGET_HEADERS: Told("mislabelled", "resumes without the session's id"),
    Lie.ONE_CURSOR: Told("foreign-stream", "keeps one cursor for all streams"),
    Lie.KEEP_THE_SESSION: Told("foreign-session", "asks for a new session with the id of the old one"),
    Lie.CALL_AGAIN: Told("ran-twice", "calls the tool again, and does not resume"),
    Lie.CANCEL_ON_CUT: Told("cancelled", "cancels the call when the connection is lost"),
    Lie.SAY_NOTHING: Told("silent", "ends as if all were well when the answer is lost"),
    Lie.ASK_FOR_EVER: Told("endless", "asks again and again for what was refused"),
    Lie.WAIT_FOR_THE_END: Told("hung", "waits for the end of the stream, though the response is there"),
    Lie.ANSWER_NO_PING: Told("deaf", "answers no ping of the server's"),
    Lie.BACK_AT_ONCE: Told("hasty", "does not wait as long as `retry:` says"),
    Lie.ONE_TRY: Told("gave-up", "tries only once to find the server again"),
}
