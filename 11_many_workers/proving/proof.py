"""The proof: what came, shown as it comes with who did it, and held against what an uncut run brings.

killed  the processes that were ended by SIGKILL; none of them can have said anything later
missed  steps that were recorded while nobody was connected
by      who did a step and when, as the message says: `process id.milliseconds`
"""

import sys
from dataclasses import dataclass, field

from pydantic import BaseModel, Field
from rich.console import Console

STYLES = {"live": "green", "replayed": "bold yellow", "answer": "bold green", "proven": "bold green"}
TROUBLE = ("killed", "lost", "refused", "failed", "waiting")
console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def say(word: str, text: str) -> None:
    """One line, and by colour and by word what it is about."""
    console.print(f"{word:<10}", style=STYLES.get(word, "bold red" if word in TROUBLE else "cyan"), end="")
    console.print(text, markup=False)


class By(BaseModel):
    by: str

    @property
    def worker(self) -> int:
        return int(self.by.partition(".")[0])

    @property
    def at(self) -> float:
        """Seconds by the clock of the machine, which is ours too."""
        return int(self.by.partition(".")[2]) / 1000


class Data(By):
    number: int  # of the step; 0 says that the build has begun
    step: str


class Params(BaseModel):
    data: Data


class Text(BaseModel):
    text: str


class Result(BaseModel):
    content: list[Text]
    meta: By = Field(By(by="0.0"), alias="_meta")


class Message(BaseModel):
    """A step, or the answer to the call."""

    params: Params | None = None
    result: Result | None = None


@dataclass
class Proof:
    steps: int
    kill: str
    numbers: list[int] = field(default_factory=list[int])
    answers: list[str] = field(default_factory=list[str])
    missed: list[int] = field(default_factory=list[int])
    later_workers: set[int] = field(default_factory=set[int])  # that did something after the kill
    holders: list[int] = field(default_factory=list[int])  # the worker at the other end of each connection
    killed: dict[int, str] = field(default_factory=dict[int, str])
    killed_at: float | None = None
    lost_at: float | None = None
    back_at: float = 0.0
    newest_at: float = 0.0
    last_worker: int = 0
    afresh: bool = False

    def saw(self, message: Message) -> None:
        if message.params:
            self.saw_step(message.params.data)
            self.saw_worker(message.params.data)
        elif message.result:
            self.answers.append(message.result.content[0].text)
            self.saw_worker(message.result.meta)
            say("answer", f"{self.answers[-1]}, says worker {self.last_worker}")

    def saw_step(self, data: Data) -> None:
        self.numbers.append(data.number)
        self.newest_at = data.at
        word, note = "live" if self.lost_at is None or data.at >= self.back_at else "replayed", ""
        if self.lost_at is not None and self.lost_at < data.at < self.back_at:
            self.missed.append(data.number)
            note = ", sent while nobody was connected"
        say(word, f"{data.number} of {self.steps}, {data.step}, by worker {data.worker}{note}")

    def saw_worker(self, data: By) -> None:
        self.last_worker = data.worker
        if self.killed_at and data.at > self.killed_at:
            self.later_workers.add(data.worker)

    @property
    def newest(self) -> int:
        return self.numbers[-1] if self.numbers else 0

    def must_miss(self) -> bool:
        """Whether another worker holds the stream, no step was sent to nobody yet, and one still can be."""
        taken_over = self.kill in ("web", "both") and len(self.holders) > 1 and not self.afresh
        return taken_over and not self.missed and self.newest < self.steps - 1

    def is_over(self) -> bool:
        return bool(self.answers)

    def verdict(self) -> str | None:
        """What is wrong with it, or None."""
        whole = range(self.steps + 1)
        if lost := [n for n in whole if n not in self.numbers]:
            return f"lost {len(lost)}: {', '.join(map(str, lost[:10]))}{', ...' if len(lost) > 10 else ''}"
        if len(self.numbers) > len(whole) or len(self.answers) > 1:
            return f"doubled {sorted({n for n in self.numbers if self.numbers.count(n) > 1})[:10]}"
        if self.numbers != list(whole):
            return f"moved {[n for n, m in zip(self.numbers, whole, strict=True) if n != m][:10]}"
        if not self.answers:
            return "lost the answer"
        if self.afresh:
            return "whole, but begun afresh: nothing was resumed"
        return self.not_shown()

    def not_shown(self) -> str | None:
        """What the run was to show, and did not."""
        if self.kill == "none":
            return None
        if self.killed_at is None:
            return "nothing was killed: the build was over before"
        if dead := self.later_workers & self.killed.keys():
            return f"worker {dead.pop()} was killed, and worked on: it was another machine's, or another's"
        if self.kill in ("web", "both"):
            if len(self.holders) < 2 or self.holders[-1] in self.killed:
                return "no other worker took the stream over"
            if not self.missed:
                return "nothing was sent while nobody was connected: raise --away or --steps"
        if not self.later_workers:
            return "nothing was done after the kill: raise --steps"
        return None
