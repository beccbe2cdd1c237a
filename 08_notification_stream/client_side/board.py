"""What a person who watches is shown: a line for what happens, and a table that lives on a terminal."""

import re
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from client_side.proof import Proof

STYLES = {"proven": "bold green", "answer": "green"}
TROUBLE = ("severed", "lost", "refused", "silence", "failed")


class Board:
    def __init__(self) -> None:
        self.console = Console(highlight=False)
        self.proofs: list[Proof] = []
        self._live: Live | None = None
        self._is_over = False

    def say(self, caller: str, word: str, text: str) -> None:
        style = STYLES.get(word, "bold red" if word in TROUBLE else "cyan")
        who = f"{caller:<5}" if caller else ""
        line = Text(who, "bold") + Text(f"{word:<10}", style) + Text(text)
        self.console.print(line, soft_wrap=not self.console.file.isatty())

    @contextmanager
    def watched(self) -> Generator[None]:
        """The table lives where somebody looks on, and is printed once where nobody does."""
        if self.console.is_terminal and self.console.file.isatty():
            with Live(self._table(), console=self.console, refresh_per_second=10) as self._live:
                yield
                self._is_over = True
                self.show()
        else:
            yield
            self._is_over = True
            self.console.print(self._table(), soft_wrap=True)

    def show(self) -> None:
        if self._live:
            self._live.update(self._table())

    def _table(self) -> Table:
        table = Table("caller", "own stream", "standing", "of these missed", "cut", "resumed", "", box=None)
        for proof in self.proofs:
            wrong = proof.verdict
            numbers = f"{len(proof.numbers)} of {proof.count}", str(proof.standing)
            times = str(proof.missed), str(proof.severed), str(proof.resumed)
            if wrong is None:
                verdict = Text("whole", "bold green")
            elif self._is_over:
                verdict = Text(re.split("[:,]", wrong)[0], "yellow")
            else:
                verdict = Text("under way", "dim")
            table.add_row(Text(proof.caller, "bold"), *numbers, *times, verdict)
        return table
