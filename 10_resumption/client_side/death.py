"""A process that dies as if it was killed from outside: it catches nothing and cleans up nothing."""

import os
import signal
import sys

from plumbing.say import say

STAGES = {
    "connecting": "before anything is sent",
    "initializing": "with initialize sent",
    "initialized": "with a session, and not yet a word in it",
    "ready": "with a session, before the call",
    "calling": "with the call noted, and not yet sent",
    "sent": "with the call sent, and nothing heard",
    "called": "with the call in flight",
    "progress": "after the first progress",
    "answered": "with the answer received, and not yet shown",
    "shown": "with the answer shown",
}
KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


class Death:
    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.then = "it makes the call"  # what the next run will do

    def at(self, stage: str) -> None:
        if stage == self.stage:
            say("dying", f"{STAGES[stage]}. Run it again: {self.then}")
            sys.stdout.flush()
            os.kill(os.getpid(), KILL)
