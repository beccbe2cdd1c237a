"""The proof: what came of a build, held against what an uncut run brings.

live      sent and received on one connection, at once
late      sent on this connection, and held up on the way
replayed  sent before the connection that brought it stood
gone      messages that nobody can have any more, and the client knows it
"""

import hashlib
import time
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, TypeAdapter

LATE = 0.4  # seconds that a message may take, on a network that is well
MESSAGE: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class Step(BaseModel):
    build: str
    step: int
    elapsed: float  # seconds since the build began, by the server's clock
    line: str


class Outcome(BaseModel):
    build: str
    steps: int
    digest: str


@dataclass
class Proof:
    steps: int
    came: list[str] = field(default_factory=list[str])  # each message, in two words
    lines: list[str] = field(default_factory=list[str])
    build: str = ""
    outcome: Outcome | None = None
    late: int = 0
    alone: int = 0  # steps made while nobody was connected
    lost_at: float = 0.0  # when the connection was lost last
    back_at: float = 0.0  # and when it stood again
    gone_after: list[str] = field(default_factory=list[str])  # the last message before each known gap
    is_afresh: bool = False
    _began: float = float("inf")  # of the build, by our clock

    def take(self, data: str) -> tuple[str, Step] | None:
        """Note a message; of a step's log line, say how it came."""
        match MESSAGE.validate_json(data):
            case {"method": "notifications/progress", "params": {"progress": int(step)}}:
                self.came.append(f"progress {step}")
            case {"method": "notifications/message", "params": {"data": told}}:
                step = Step.model_validate(told)
                if self.build not in ("", step.build):
                    self.begin_afresh()
                self.build = step.build
                self.came.append(f"log {step.step}")
                self.lines.append(step.line)
                return self._how(step.elapsed), step
            case {"result": {"structuredContent": told}}:
                self.outcome = Outcome.model_validate(told)
            case _:
                raise ValueError(f"not a message of this lesson: {data[:300]}")
        return None

    def gap_before(self, step: int) -> str:
        """Steps of which nothing will come any more, as the client can tell now."""
        before = int(self.came[-2].split()[1]) if len(self.came) > 1 else 0
        if step - before < 2:
            return ""
        return f"step {step - 1}" if step - before == 2 else f"steps {before + 1} to {step - 1}"

    def _how(self, elapsed: float) -> str:
        now = time.monotonic()
        self._began = min(self._began, now - elapsed)  # the least delay is the best clock
        sent = self._began + elapsed
        if self.lost_at < sent < self.back_at:
            self.alone += 1
        if sent < self.back_at:
            return "replayed"
        if now - sent > LATE:
            self.late += 1
            return "late"
        return "live"

    def lost(self) -> None:
        if self.back_at >= self.lost_at:  # and not again, when one more try has failed
            self.lost_at = time.monotonic()

    def back(self) -> None:
        if self.lost_at:
            self.back_at = time.monotonic()

    def know_of_a_gap(self) -> None:
        """What follows the last message that came cannot be had any more."""
        self.gone_after.append(self.came[-1] if self.came else "")

    def begin_afresh(self) -> None:
        """Another build: what came of the one before does not count."""
        self.is_afresh = True
        self.came, self.lines, self.gone_after = [], [], []
        self._began = float("inf")

    @property
    def expected(self) -> list[str]:
        return [f"{what} {step}" for step in range(1, self.steps + 1) for what in ("log", "progress")]

    @property
    def gone(self) -> list[int]:
        missing = set(self.expected) - set(self.came)
        return sorted({int(message.split()[1]) for message in missing})

    def fault(self) -> str | None:
        """What is wrong with it, or None."""
        places = {message: place for place, message in enumerate(self.expected)}
        if len(set(self.came)) < len(self.came):
            return f"doubled {[message for message in set(self.came) if self.came.count(message) > 1][:5]}"
        came = [places[message] for message in self.came]
        if came != sorted(came):
            return "moved: the steps came in another order"
        known = {places.get(message, -1) for message in self.gone_after}
        for before, after in zip([-1, *came], [*came, len(places)], strict=True):
            if after - before > 1 and before not in known:
                return f"lost {after - before - 1} messages after {self.expected[before] if came else 'none'}"
        if self.outcome is None:
            return "the result never came"
        if self.build not in ("", self.outcome.build):
            return "ran-twice: the result is that of another build"
        digest = hashlib.sha256("".join(self.lines).encode()).hexdigest()[:16]
        if not self.gone and digest != self.outcome.digest:
            return "moved: the lines are not those of which the result gives the digest"
        return None

    @property
    def kind(self) -> str:
        if self.is_afresh:
            return "afresh"
        return "gone" if self.gone else "whole"
