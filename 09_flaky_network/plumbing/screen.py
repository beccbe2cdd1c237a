"""The progress bar: it stalls, and catches up. In a pipe, each step is a line that draws the bar anew."""

import sys
from contextlib import AbstractContextManager, nullcontext

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from plumbing.say import console, say

WIDTH = 24


class Screen:
    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._bar = Progress(
            TextColumn("{task.fields[word]:<9}"),
            MofNCompleteColumn(),
            BarColumn(None),
            TextColumn("{task.description}"),
            console=console,
            expand=True,
        )
        self._task = self._bar.add_task("", total=steps, word="")
        self._is_terminal = sys.stdout.isatty()

    def shown(self) -> AbstractContextManager[object]:
        return self._bar if self._is_terminal else nullcontext()

    def step(self, word: str, step: int, line: str) -> None:
        """What came late or was replayed stands as a line of its own, above the bar."""
        if self._is_terminal:
            self._bar.update(self._task, completed=step, description=line, word=word)
            if word == "live":
                return
        done = WIDTH * step // self._steps
        say(word, f"{step:>3} of {self._steps}  [{'#' * done}{'.' * (WIDTH - done)}]  {line}")

    def away(self, word: str) -> None:
        self._bar.update(self._task, word=word)
