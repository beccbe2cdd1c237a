"""The proof: what came to one caller, held against what an uncut run brings."""

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

CALL, STANDING = "call", "standing"


class Data(BaseModel):
    """What a notification says."""

    caller: str
    stream: Literal["call", "standing"]
    number: int
    elapsed: float


@dataclass
class Proof:
    caller: str
    count: int
    cuts: int
    numbers: list[int] = field(default_factory=list[int])  # on the stream of the call
    standing: int = 0  # on the standing stream
    foreign: int = 0
    missed: int = 0  # sent while nobody was connected
    severed: int = 0
    resumed: int = 0  # requests with a Last-Event-ID
    answer: str | None = None

    def saw(self, data: Data, *, missed: bool) -> None:
        self.missed += missed
        if data.caller != self.caller:
            self.foreign += 1
        elif data.stream == STANDING:
            self.standing += 1
        else:
            self.numbers.append(data.number)

    @property
    def is_over(self) -> bool:
        return self.count in self.numbers and self.standing > 0

    @property
    def verdict(self) -> str | None:
        """What is wrong, in the words of the laws, or None."""
        whole = list(range(1, self.count + 1))
        lost = [number for number in whole if number not in self.numbers]
        if self.foreign:
            return f"foreign-session: {self.foreign} of another caller's"
        if lost:
            return f"lost {len(lost)}: {', '.join(map(str, lost[:5]))}{', ...' if len(lost) > 5 else ''}"
        if len(self.numbers) > self.count or self.standing > 1:
            return f"doubled {len(self.numbers) + self.standing - self.count - 1}"
        if self.numbers != whole:
            return "moved"
        if not self.standing:
            return "lost the one on the standing stream"
        if self.answer is None:
            return "lost the answer"
        if not self.cuts:
            return "whole, but never cut: that proves nothing"
        if self.severed < self.cuts or self.resumed <= self.cuts:
            return "whole, but not each stream was cut and resumed: raise --count or --interval"
        if not self.missed:
            return "whole, but nothing was sent while nobody was connected: raise --count"
        return None
