"""A task as it is kept, and how each event changes it. Nothing here waits, reads or writes.

step      a piece of the tool's work; its line in the log is the note that it was done
question  what the tool wants of a person; its key names it for the life of the task
over      completed, failed or cancelled, for good
"""

import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, JsonValue

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]


class UnknownTaskError(LookupError):
    """Never given out, expired, or somebody else's: they look alike."""


class StoreError(Exception):
    """Where tasks are kept cannot be reached; the sentence is for whoever asked."""


class FullError(Exception):
    """A limit is reached; the sentence says which (law 8)."""


class Task(BaseModel):
    id: str
    owner: str = ""  # the principal whose it is; nobody signs in where there are no tokens
    call: str = ""  # the client's own name of its call: sent twice, it begins nothing twice
    tool: str
    arguments: dict[str, JsonValue]
    created: float
    updated: float
    ttl: float  # seconds from its creation on
    status: Status = "working"
    message: str = ""
    steps: int = 0  # that are done: as many lines are in its log
    size: int = 0  # bytes of its log, questions, answers and outcome
    questions: dict[str, JsonValue] = {}
    answers: dict[str, JsonValue] = {}
    result: JsonValue = None
    error: JsonValue = None
    version: int = 0  # counts its changes: who saves must have seen the newest

    @classmethod
    def begin(cls, tool: str, arguments: dict[str, JsonValue], ttl: float, owner: str, call: str) -> "Task":
        """With an id of 128 random bits: who knows it is in, where nobody signs in."""
        now, task_id = time.time(), secrets.token_hex(16)
        return cls(
            id=task_id,
            owner=owner,
            call=call,
            tool=tool,
            arguments=arguments,
            created=now,
            updated=now,
            ttl=ttl,
            size=len(str(arguments)),
        )

    @property
    def is_over(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    @property
    def expires(self) -> float:
        return self.created + self.ttl

    @property
    def outstanding(self) -> dict[str, JsonValue]:
        return {key: asked for key, asked in self.questions.items() if key not in self.answers}

    def _grow(self, text: object, max_bytes: int) -> None:
        self.size += len(str(text).encode())
        if self.size > max_bytes:
            raise FullError(f"A task keeps at most {max_bytes} bytes (--max-bytes).")

    def note(self, step: int, line: str, max_lines: int, max_bytes: int) -> bool:
        """Whether this step is noted now: only the next one is, and only at work (law 5)."""
        if self.status != "working" or step != self.steps + 1:
            return False
        if step > max_lines:
            raise FullError(f"The log of a task has at most {max_lines} lines (--max-lines).")
        self._grow(line, max_bytes)
        self.steps, self.message = step, line
        return True

    def ask(self, key: str, question: JsonValue, max_bytes: int) -> bool:
        """Whether somebody must answer first. A key stands for one question, for ever."""
        if self.questions.setdefault(key, question) != question:
            raise ValueError(f"The key {key!r} stands for another question already.")
        if key in self.answers:
            return False
        if self.status == "working":
            self._grow(question, max_bytes)
            self.status, self.message = "input_required", "waits for an answer"
        return True

    def answer(self, answers: Mapping[str, JsonValue], max_bytes: int) -> bool:
        """Whether this changes anything: what is not outstanding is ignored, so an answer counts once."""
        wanted = {key: answer for key, answer in answers.items() if key in self.outstanding}
        if self.is_over or not wanted:
            return False
        self._grow(wanted, max_bytes)
        self.answers |= wanted
        if not self.outstanding:
            self.status, self.message = "working", "has its answer"
        return True

    def end(self, status: Literal["completed", "failed", "cancelled"], outcome: JsonValue = None) -> bool:
        if self.is_over:
            return False
        self.status = status
        if status == "completed":
            self.result = outcome
        elif status == "failed":
            self.error = outcome
        self.message = status
        return True

    def told(self, poll_interval_ms: int) -> dict[str, JsonValue]:
        """What `tasks/get` and `notifications/tasks` say of it."""
        told: dict[str, JsonValue] = {
            "taskId": self.id,
            "status": self.status,
            "createdAt": iso(self.created),
            "lastUpdatedAt": iso(self.updated),
            "ttlMs": round(self.ttl * 1000),
            "pollIntervalMs": poll_interval_ms,
        }
        if self.message:
            told["statusMessage"] = self.message
        if self.status == "input_required":
            told["inputRequests"] = self.outstanding
        elif self.status == "completed":
            told["result"] = self.result
        elif self.status == "failed":
            told["error"] = self.error
        return told


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
