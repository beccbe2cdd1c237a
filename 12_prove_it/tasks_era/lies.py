"""The lies about tasks that `server.py --era 2026-07-28` can tell, and the verdict that each deserves."""

from enum import StrEnum

from liar.lies import Told


class TaskLie(StrEnum):
    NONE = "honest"
    STORE_LATER = "store-later"
    SAY_NO_TYPE = "say-no-type"
    COUNT_IDS = "count-ids"
    LOSE_THE_RESULT = "lose-the-result"
    CHANGE_THE_RESULT = "change-the-result"
    RUN_AGAIN = "run-again"
    CANCEL_ON_CUT = "cancel-on-cut"
    NEVER_END = "never-end"
    CANCEL_THE_DONE = "cancel-the-done"
    TELL_NO_LISTENER = "tell-no-listener"
    FORGET_EARLY = "forget-early"
    KEEP_FOR_EVER = "keep-for-ever"
    SHARE_TASKS = "share-tasks"
    EMPTY_TASK = "empty-task"
    HAND_TO_ALL = "hand-to-all"
    ASK_NO_EXTENSION = "ask-no-extension"
    SAY_NO_EXTENSION = "say-no-extension"
    FAIL_ON_ERRORS = "fail-on-errors"
    MAKE_POLLS_WAIT = "make-polls-wait"
    HEED_ANY_KEY = "heed-any-key"
    REUSE_KEYS = "reuse-keys"
    TAKE_ANY_BODY = "take-any-body"
    ASK_NO_ORIGIN = "ask-no-origin"


LIES: dict[str, Told] = {
    TaskLie.NONE: Told("", "tells no lie"),
    TaskLie.STORE_LATER: Told("lost", "gives a handle out, and keeps the task a moment later"),
    TaskLie.SAY_NO_TYPE: Told("mislabelled", "leaves resultType out"),
    TaskLie.COUNT_IDS: Told("open-door", "counts its tasks: 1, 2, 3"),
    TaskLie.LOSE_THE_RESULT: Told("lost", "says completed, without the result"),
    TaskLie.CHANGE_THE_RESULT: Told("corrupted", "gives another result to who asks again"),
    TaskLie.RUN_AGAIN: Told("ran-twice", "starts the tool again for who polls"),
    TaskLie.CANCEL_ON_CUT: Told("cancelled", "cancels a task whose listener is lost"),
    TaskLie.NEVER_END: Told("endless", "says working after the work is done"),
    TaskLie.CANCEL_THE_DONE: Told("moved", "cancels a task that is completed"),
    TaskLie.TELL_NO_LISTENER: Told("deaf", "agrees to tell a listener, and says nothing"),
    TaskLie.FORGET_EARLY: Told("lost", "drops a result a second after it was ready"),
    TaskLie.KEEP_FOR_EVER: Told("unbounded", "keeps a task beyond its ttlMs"),
    TaskLie.SHARE_TASKS: Told("foreign-session", "gives a task to whoever has its id"),
    TaskLie.EMPTY_TASK: Told("silent", "answers an id that it does not know with an empty result"),
    TaskLie.HAND_TO_ALL: Told("mislabelled", "gives a handle to who does not know tasks"),
    TaskLie.ASK_NO_EXTENSION: Told("silent", "serves polls that do not declare the extension"),
    TaskLie.SAY_NO_EXTENSION: Told("silent", "refuses them, and does not say what to declare"),
    TaskLie.FAIL_ON_ERRORS: Told("mislabelled", "says failed where the tool itself says what went wrong"),
    TaskLie.MAKE_POLLS_WAIT: Told("hung", "answers a poll when the task is over"),
    TaskLie.HEED_ANY_KEY: Told("mislabelled", "takes any answer for the one that it waits for"),
    TaskLie.REUSE_KEYS: Told("doubled", "asks its second question under the key of the first"),
    TaskLie.TAKE_ANY_BODY: Told("unbounded", "reads a body of any size"),
    TaskLie.ASK_NO_ORIGIN: Told("open-door", "serves pages of any Origin"),
}
