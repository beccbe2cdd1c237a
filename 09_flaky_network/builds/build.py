"""One build: long work, step by step, and the calls that wait for it.

call  a request for a build, answered on a stream of its own; several may wait for one build
"""

import asyncio
import hashlib
import secrets
import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from plumbing.jsonrpc import result
from replay_buffer import Stream
from sessions import Session

VERBS = ("fetching", "compiling", "linking", "testing")


class Plan(BaseModel):
    """The arguments of `build_project`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    steps: Annotated[int, Field(ge=1, le=100_000, description="how many steps")] = 60
    seconds: Annotated[float, Field(ge=0, le=3600, description="how long the build takes")] = 30.0

    def line(self, step: int) -> str:
        return f"{VERBS[(step - 1) * len(VERBS) // self.steps]} part {step}"


@dataclass(frozen=True, eq=False)
class Call:
    build: "Build"
    session: Session
    stream: Stream
    request_id: int | str
    progress_token: int | str | None

    def tell(self, message: JsonValue) -> None:
        self.session.send(self.stream, message)


class Build:
    def __init__(self, plan: Plan) -> None:
        self.id = secrets.token_hex(4)
        self.plan = plan
        self.key = ""  # that its client chose; none
        self.calls: list[Call] = []
        self.outcome: JsonValue = None
        self.finished_at = 0.0
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Work on, whether or not anybody listens (law 5)."""
        began, digest = time.monotonic(), hashlib.sha256()
        for step in range(1, self.plan.steps + 1):
            due = began + self.plan.seconds * step / self.plan.steps
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            line = self.plan.line(step)
            digest.update(line.encode())
            for call in self.calls:
                self._tell(call, step, line, time.monotonic() - began)
        told: JsonValue = {"build": self.id, "steps": self.plan.steps, "digest": digest.hexdigest()[:16]}
        text = f"Built in {self.plan.steps} steps; the digest of their lines is {digest.hexdigest()[:16]}."
        self.outcome = {
            "content": [{"type": "text", "text": text}],
            "structuredContent": told,
            "isError": False,
        }
        self.finished_at = time.monotonic()

    def _tell(self, call: Call, step: int, line: str, elapsed: float) -> None:
        of = self.plan.steps
        if call.session.wants_log:
            call.tell(logged({"build": self.id, "step": step, "elapsed": round(elapsed, 3), "line": line}))
        if call.progress_token is not None:
            params: JsonValue = {
                "progressToken": call.progress_token,
                "progress": step,
                "total": of,
                "message": line,
            }
            call.tell({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})

    def answer(self, call: Call) -> None:
        """After the response the stream ends (law 6)."""
        call.tell(result(call.request_id, self.outcome))
        call.session.buffer.close(call.stream)


def logged(data: JsonValue) -> JsonValue:
    params: JsonValue = {"level": "info", "logger": "build_project", "data": data}
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
