"""The proof: what came, shown as it comes, and held against what an uncut run brings.

live      sent while the connection that brought it stood
replayed  sent before the connection that brought it stood
in flight sent before the cut, and cut off on its way: it is replayed, too
elapsed   seconds since the burst began; each message carries the server's, the cut is timed by ours
"""

from dataclasses import dataclass, field

from pydantic import BaseModel

from plumbing.say import say


class Data(BaseModel):
    number: int
    elapsed: float


class Params(BaseModel):
    data: Data


class Notification(BaseModel):
    params: Params


@dataclass
class Proof:
    """What came, held against what an uncut run would bring."""

    count: int
    numbers: list[int] = field(default_factory=list[int])
    missed: list[int] = field(default_factory=list[int])
    severed: float | None = None  # elapsed, when the socket was severed
    back: float = 0.0  # elapsed, when the connection stood again
    last_sent: float = 0.0  # elapsed, of the newest message
    afresh: bool = False

    def saw(self, number: int, elapsed: float) -> None:
        self.numbers.append(number)
        self.last_sent = max(self.last_sent, elapsed)
        live = self.severed is None or elapsed >= self.back
        alone = self.severed is not None and self.severed < elapsed < self.back
        if alone:
            self.missed.append(number)
        if live:
            say("live", f"{number} of {self.count}")
        else:
            how = "sent while nobody was connected" if alone else "in flight when the socket was severed"
            say("replayed", f"{number} of {self.count}, {how}")

    def hint(self) -> str:
        if self.severed is not None and self.last_sent <= self.severed:
            return "all was sent before the cut, so raise --interval or --count"
        return "the client came back too soon, so raise --away"

    def is_over(self) -> bool:
        return self.count in self.numbers

    def verdict(self) -> str | None:
        """What is wrong with it, or None."""
        whole = range(1, self.count + 1)
        if lost := [n for n in whole if n not in self.numbers]:
            return f"lost {len(lost)}: {', '.join(map(str, lost[:10]))}{', ...' if len(lost) > 10 else ''}"
        if len(self.numbers) > self.count:
            return f"doubled {sorted({n for n in self.numbers if self.numbers.count(n) > 1})[:10]}"
        if self.numbers != list(whole):
            return f"moved {[n for n, m in zip(self.numbers, whole, strict=True) if n != m][:10]}"
        if self.afresh:
            return "whole, but begun afresh: nothing was resumed"
        if not self.missed:
            return f"nothing was sent while nobody was connected: {self.hint()}"
        return None
