"""A process that dies as if it was killed from outside: it catches nothing and cleans up nothing."""

import os
import signal
import sys

from plumbing.say import say

STAGES = {
    "connecting": "before anything is sent",
    "noted": "with the call noted, and not yet sent",
    "sent": "with the call sent, and nothing heard",
    "handle": "with the handle received, and not yet noted",
    "called": "with the handle in the cache",
    "polled": "after the first tasks/get",
    "progress": "after the first line of the log",
    "asked": "with the question seen, and not answered",
    "updated": "with the answer sent, and not noted",
    "completed": "with the result received, and not yet shown",
    "shown": "with the result shown",
}
KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


class Death:
    def __init__(self, stage: str) -> None:
        self.stage = stage

    def at(self, stage: str) -> None:
        if stage == self.stage:
            say("dying", f"{STAGES[stage]}. Run the same command again")
            sys.stdout.flush()
            os.kill(os.getpid(), KILL)
