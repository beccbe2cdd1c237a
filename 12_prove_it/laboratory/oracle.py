"""The oracle: what uncut runs give, and how a run that was cut is held against it.

own       a message in which its request's id and token are named as such: they must be right, type and all
varying   a part of a message that differs from one uncut run to the next (a time, an id): left out of account
plain     a message without what varies; two runs are equal when their plain messages are, in order
excess    what came and should not have; missing: what should have come and did not
strange   what no uncut run gives
noise     what a server may say at any time, whatever was called
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from laboratory.events import messages
from laboratory.stream import Event

WORD = re.compile(
    r"\w+(?:\.\d+)?|\W+"
)  # a text is compared word by word, so that one time in it masks one word
VARIES = "~"
Path = tuple[str, ...]


class Verdict(StrEnum):
    LOST = "lost"
    DOUBLED = "doubled"
    MOVED = "moved"
    CORRUPTED = "corrupted"
    MISLABELLED = "mislabelled"
    FOREIGN_STREAM = "foreign-stream"
    FOREIGN_SESSION = "foreign-session"
    RAN_TWICE = "ran-twice"
    CANCELLED = "cancelled"
    SILENT = "silent"
    ENDLESS = "endless"
    HUNG = "hung"
    DEAF = "deaf"
    UNBOUNDED = "unbounded"
    OPEN_DOOR = "open-door"
    DIED = "died"


@dataclass
class Fault:
    verdict: Verdict
    expected: str
    came: str
    evidence: str = ""


def kind(message: JsonValue) -> Path:
    """What varies in one kind of message need not vary in another."""
    match message:
        case {"method": str(method)}:
            return (method,)
        case _:
            return ("response",)


def varying(one: JsonValue, other: JsonValue, path: Path) -> set[Path]:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in (
                varying(one[key], other[key], (*path, key)) if key in one and key in other else {(*path, key)}
            )
        }
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return {found for a, b in zip(one, other, strict=True) for found in varying(a, b, (*path, "[]"))}
    if isinstance(one, str) and isinstance(other, str):
        left, right = WORD.findall(one), WORD.findall(other)
        if len(left) == len(right):
            return {(*path, str(n)) for n, (a, b) in enumerate(zip(left, right, strict=True)) if a != b}
    return set() if one == other else {path}


def without(value: JsonValue, path: Path, masks: set[Path]) -> JsonValue:
    if path in masks:
        return VARIES
    if isinstance(value, dict):
        return {key: without(part, (*path, key), masks) for key, part in value.items()}
    if isinstance(value, list):
        return [without(part, (*path, "[]"), masks) for part in value]
    if isinstance(value, str):
        return "".join(
            VARIES if (*path, str(n)) in masks else word for n, word in enumerate(WORD.findall(value))
        )
    return value


def is_noise(message: JsonValue) -> bool:
    """What a server may say at any time, whatever was called: a change of its lists, a request of its own."""
    match message:
        case {"method": str(method), **rest}:
            return "id" in rest or method.endswith(("/list_changed", "/updated", "/cancelled"))
        case _:
            return False


@dataclass
class Oracle:
    """What one call gives on each of its streams, as two or more uncut runs agree on it."""

    arguments: dict[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    masks: set[Path] = field(default_factory=set[Path])
    due: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # plain messages, by method
    linger: float = 0.0  # seconds of silence after which it is over, where nothing else says so
    longest_gap: float = 0.0
    lasts: float = 0.0
    shortest: float = float("inf")  # that it has lasted
    varies: bool = False  # from run to run: each run is held to itself

    def learn(self, method: str, runs: Sequence[Sequence[JsonValue]]) -> bool:
        """Find what varies between runs; False: not even their numbers of messages agree."""
        if len({len(run) for run in runs}) != 1:
            return False
        for run in runs[1:]:
            for one, other in zip(runs[0], run, strict=True):
                self.masks |= varying(one, other, kind(one))
        self.due[method] = [self.plain(message) for message in runs[0]]
        return True

    def plain(self, message: JsonValue) -> str:
        return json.dumps(without(message, kind(message), self.masks), sort_keys=True)

    def compare(self, due: list[str], events: Sequence[Event], came: list[str], calls: int) -> Fault | None:
        """What is wrong with what came on a stream, by its name; of some calls at once, in any order."""
        if came == due or (calls > 1 and sorted(came) == sorted(due)):
            return None
        missing, excess = list((Counter(due) - Counter(came)).elements()), Counter(came) - Counter(due)
        told = f"{len(came)} messages: {numbered(came, due)}"
        wanted = f"{len(due)} messages: each once, in order"
        if strange := [plain for plain in excess if plain not in set(due)]:
            if any(is_error(event) for event in events):
                return Fault(Verdict.CANCELLED, wanted, f"{told}, an error among them")
            return Fault(Verdict.CORRUPTED, wanted, f"{told}; not known: {strange[0][:200]}")
        if excess:
            return Fault(self.repetition(events, came, due), wanted, told)
        if not missing:
            return Fault(Verdict.MOVED, wanted, told)
        if len(missing) > 1 and came == due[: len(came)] and calls == 1:
            return Fault(Verdict.CANCELLED, wanted, f"{told}; then nothing more, however long one waited")
        return Fault(Verdict.LOST, wanted, told)

    @staticmethod
    def repetition(events: Sequence[Event], came: list[str], due: list[str]) -> Verdict:
        """A replay repeats ids; a tool that runs again begins again under new ones."""
        if not due:
            return Verdict.DOUBLED  # an uncut run has nothing on this stream
        starts = [n for n, plain in enumerate(came) if plain == due[0]][due.count(due[0]) :]
        again = [event.id for event in events[starts[0] :]] if starts else []
        before = {event.id for event in events[: starts[0]]} if starts else set[str]()
        return Verdict.RAN_TWICE if again and not before & set(again) else Verdict.DOUBLED


def is_error(event: Event) -> bool:
    return any("error" in message for message in messages(event.data))


def numbered(came: list[str], due: list[str]) -> str:
    """The places that the messages have in the oracle, runs of them drawn together: 1-3, 7, 8."""
    places: dict[str, list[int]] = {}
    for place, plain in reversed(list(enumerate(due, 1))):
        places.setdefault(plain, []).append(place)
    runs: list[list[int | str]] = []
    for plain in came:
        here = places.get(plain)
        place = (here.pop() if len(here) > 1 else here[0]) if here else "?"
        if runs and isinstance(place, int) and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    told = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(told[:20]) + (" ..." if len(told) > 20 else "")
