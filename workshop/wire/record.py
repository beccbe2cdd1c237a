"""The record: one sequence of facts, which only grows. Whoever reads it goes on where he was.

fact   what was seen on the wire, or said by a program: its number, time, run and kind, and what belongs to it
run    0 is the sound one; each broken copy that is run beside it has a number of its own
"""

import asyncio
import time

from pydantic import JsonValue

from workshop.wire.hidden import Hidden

Fact = dict[str, JsonValue]
MOST_FACTS = 200_000
LONGEST = 65_536  # characters of a text that are kept


class Record:
    def __init__(self, most: int = MOST_FACTS) -> None:
        self.facts: list[Fact] = []
        self.hidden = Hidden()
        self.changed = asyncio.Event()  # set at the next fact, and then another one stands here
        self._began = time.perf_counter()
        self._most = most

    @property
    def is_full(self) -> bool:
        return len(self.facts) >= self._most

    def add(self, run: int, kind: str, **told: JsonValue) -> int:
        """The fact's number, or 0 when there is no room for it: the last fact says so."""
        if self.is_full:
            return 0
        number = len(self.facts) + 1
        if number == self._most:
            kind, told = "full", {"text": f"The record ends here: it keeps {self._most:,} facts."}
        now = round(time.perf_counter() - self._began, 6)
        fact: Fact = {"n": number, "t": now, "run": run, "kind": kind}
        for name, value in told.items():
            fact[name] = self.hidden.value(value)
        self.facts.append(fact)
        self.changed.set()
        self.changed = asyncio.Event()
        return number


def shortened(data: bytes) -> str:
    text = data[: 4 * LONGEST].decode(errors="replace")
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
