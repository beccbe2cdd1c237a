"""What can be set, each a flag of `server.py`; and what the server writes."""

import logging
import sys
from dataclasses import dataclass
from typing import Annotated

from plumbing.door import Front

SHOWN = logging.getLogger("server")


@dataclass(frozen=True)
class Settings(Front):
    all_streams: Annotated[
        bool, "replay what any stream of the session has missed: the specification forbids it"
    ] = False
    sqlite: Annotated[str, "a file that keeps sessions and events, for a server that is started again"] = ""
    strict: Annotated[bool, "replay one stream only: the default"] = False
    delay: Annotated[float, "seconds that a forecast takes"] = 6.0
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    max_events: Annotated[int, "events kept for each session"] = 1000
    max_age: Annotated[float, "seconds for which an event is kept"] = 3600.0
    max_sessions: Annotated[int, "sessions at the same time"] = 1000
    max_calls: Annotated[int, "forecasts at work at the same time"] = 100
    max_idle: Annotated[float, "seconds until a session ends that nothing uses"] = 1800.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 10.0

    def __post_init__(self) -> None:
        if self.strict and self.all_streams:
            raise ValueError("--strict and --all-streams contradict each other")


def show_log() -> None:
    """What a workshop wants to watch, one plain line each; the SDK speaks only of what is wrong."""
    if not SHOWN.handlers:
        SHOWN.addHandler(logging.StreamHandler(sys.stdout))
    SHOWN.setLevel(logging.INFO)
    SHOWN.propagate = False
