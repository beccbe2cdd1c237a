"""Grades an exercise from outside: what holds, what does not hold yet, and a hint."""

from rich.text import Text

from plumbing.stage import Stage


class Grade:
    """The programs that it starts are heard, and not shown: what is shown is what they prove."""

    def __init__(self, stage: Stage) -> None:
        stage.shows_programs = False
        self._stage = stage
        self._held: list[bool] = []

    def holds(self, so: bool, what: str, hint: str) -> bool:
        self._held.append(so)
        self._say("holds" if so else "not yet", "green" if so else "bold red", what)
        if not so:
            self._say("hint", "yellow", hint)
        return so

    def verdict(self) -> int:
        """The exit code: 0 when all holds."""
        if all(self._held):
            self._say("solved", "bold green", f"all {len(self._held)} points hold")
            return 0
        self._say("go on", "bold", f"{sum(self._held)} of {len(self._held)} points hold")
        return 1

    def _say(self, word: str, style: str, line: str) -> None:
        self._stage.show(Text.assemble((f"{word:<8} ", style), line))
