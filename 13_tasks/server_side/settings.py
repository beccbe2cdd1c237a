"""What can be set, each a flag of `server.py`; and what the server writes."""

import logging
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from keeping.limits import Limits
from plumbing.door import Front


@dataclass(frozen=True)
class Settings(Front):
    store: Annotated[Literal["memory", "sqlite", "redis"], "where tasks are kept"] = "memory"
    file: Annotated[str, "for SQLite"] = "tasks.db"
    redis: Annotated[str, "the address of a Redis"] = "redis://127.0.0.1:6379/0"
    token: Annotated[tuple[str, ...], "who may come in, as name=secret; may be repeated (else: anybody)"] = ()
    ttl: Annotated[float, "seconds for which a task is kept"] = 3600.0
    poll: Annotated[int, "milliseconds that a client waits between two questions about its task"] = 1000
    max_tasks: Annotated[int, "tasks that are kept"] = 10_000
    max_owned: Annotated[int, "tasks of one principal"] = 5_000
    max_waiting: Annotated[int, "tasks that wait for an answer"] = 1_000
    max_lines: Annotated[int, "lines in the log of a task"] = 10_000
    max_bytes: Annotated[int, "bytes of one task: its log, questions, answers and result"] = 1_000_000
    max_running: Annotated[int, "tasks at work at the same time; more wait for their turn"] = 100
    max_listeners: Annotated[int, "streams of subscriptions/listen at the same time"] = 1_000
    lease: Annotated[float, "seconds without a sign of life until another worker takes a task"] = 5.0
    retry: Annotated[int, "milliseconds a client of 2025-11-25 waits before it reconnects"] = 3000
    max_events: Annotated[int, "events kept for each session of 2025-11-25"] = 5000
    max_sessions: Annotated[int, "sessions of 2025-11-25 at the same time"] = 1000
    max_idle: Annotated[float, "seconds until a session ends that has no open request"] = 1800.0
    max_stall: Annotated[float, "seconds a reader may leave a full socket unread"] = 2.0

    def __post_init__(self) -> None:
        for token in self.token:
            name, _, secret = token.partition("=")
            if not name or not secret:
                raise ValueError("--token is name=secret")

    @property
    def limits(self) -> Limits:
        return Limits(self.max_tasks, self.max_owned, self.max_waiting, self.max_lines, self.max_bytes)


def show_log(level: str) -> None:
    """The lesson's own lines. What the SDK says below an error names tasks and sessions in full."""
    own = logging.getLogger("server")
    if not own.handlers:
        own.addHandler(logging.StreamHandler(sys.stdout))
    own.setLevel(level.upper())
    own.propagate = False
    logging.basicConfig(level="ERROR", format="%(name)s: %(message)s")
