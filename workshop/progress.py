"""What was run and solved on this machine, in a file that you may delete.

It lies in the checkout, where git ignores it; without a checkout, in your home."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from workshop.lessons import CHECKOUT, in_a_checkout

FILE = (CHECKOUT if in_a_checkout() else Path.home()) / ".workshop.json"


class Progress(BaseModel):
    """The numbers of lessons, such as 07."""

    model_config = ConfigDict(extra="forbid")

    run: set[str] = set()
    solved: set[str] = set()

    def of(self, number: str) -> str:
        done = (("run", self.run), ("solved", self.solved))
        return ", ".join(word for word, numbers in done if number in numbers)

    def next_step(self, numbers: list[str]) -> str:
        """What to do now: the lessons in their order, each run first, then solved."""
        for number in numbers:
            if number not in self.run:
                return f"Run lesson {number}, and read its README:  uv run workshop {number}"
            if number not in self.solved:
                return f"Do the exercise of lesson {number}, then:  uv run workshop check {number}"
        return "All is run and solved. Now point lesson 12's checker at a server of your own."


def load() -> Progress:
    """A file that is missing or damaged says that nothing was done yet."""
    try:
        return Progress.model_validate_json(FILE.read_bytes())
    except (FileNotFoundError, ValidationError):
        return Progress()


def add(*, run: str = "", solved: str = "") -> None:
    """Written in one piece, so that nobody ever reads half of it."""
    done = load()
    done.run |= {run} - {""}
    done.solved |= {solved} - {""}
    whole = FILE.with_name(f"{FILE.name}.{os.getpid()}")
    whole.write_text(done.model_dump_json(), encoding="utf-8")
    whole.replace(FILE)
