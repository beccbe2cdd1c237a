"""What can be set, each a flag of `server.py`; and what the server writes."""

import logging
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from plumbing.door import Front


@dataclass(frozen=True)
class Settings(Front):
    log_level: Annotated[Literal["debug", "info", "warning", "error"], "what to write"] = "info"
    json_response: Annotated[bool, "answer each POST with one JSON body: see what one then loses"] = False
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    max_events: Annotated[int, "events kept for each session"] = 5000
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_calls: Annotated[int, "calls at work at the same time"] = 100
    max_idle: Annotated[float, "seconds until a session ends that has no open request"] = 1800.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 2.0


def show_log(level: str) -> None:
    """The lesson's own lines. What the SDK says below a warning is for `debug`: it names sessions in full."""
    own = logging.getLogger("server")
    if not own.handlers:
        own.addHandler(logging.StreamHandler(sys.stdout))
    own.setLevel(level.upper())
    own.propagate = False
    logging.basicConfig(level="DEBUG" if level == "debug" else "ERROR", format="%(name)s: %(message)s")
