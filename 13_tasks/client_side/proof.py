"""The proof: the lines that came, held against what an uncut run brings."""

import re

from plumbing.say import say

LINE = re.compile(r"(\d+) of (\d+), (\w+), in run ([0-9a-f]{8})")


class Proof:
    def __init__(self, steps: int, before: int = 0) -> None:
        self.steps, self.before = steps, before  # lines that an earlier process has shown
        self.numbers: list[int] = []
        self.runs: list[str] = []
        self.missed = 0

    def show(self, line: str, missed: bool = False) -> None:
        if match := LINE.fullmatch(line):
            self.numbers.append(int(match[1]))
            if match[4] not in self.runs:
                self.runs.append(match[4])
        self.missed += missed
        say("missed" if missed else "live", line)

    @property
    def verdict(self) -> str | None:
        """What is wrong, or None."""
        whole = list(range(self.before + 1, self.steps + 1))
        lost = [number for number in whole if number not in self.numbers]
        if lost:
            return f"lost {len(lost)}: {', '.join(map(str, lost[:5]))}{', ...' if len(lost) > 5 else ''}"
        if len(self.numbers) > len(whole):
            return f"doubled {len(self.numbers) - len(whole)}"
        return None if self.numbers == whole else "moved"
