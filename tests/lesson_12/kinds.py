"""What the bench holds: mutants, which deserve a verdict, and sound variants, which deserve none."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue
from sound import Sound

Arguments = dict[str, JsonValue]
SLOW: Arguments = {"count": 8, "interval": 0.1}
FAST: Arguments = {"count": 200, "interval": 0.002}


@dataclass(frozen=True)
class Kind:
    name: str
    family: str  # the file that it stands in
    server: type[Sound]
    deserves: frozenset[str]  # one of these verdicts; none: the checker is to find nothing
    law: int | None  # that is asked where one is enough; None: all of them
    tool: str
    slow: Arguments
    fast: Arguments
    flood: int | None  # messages that are sent in one session, where one law is asked
    costly: bool  # asked only when all is asked

    @property
    def what(self) -> str:
        return (self.server.__doc__ or "").strip()


KINDS: dict[str, Kind] = {}
Server = type[Sound]


def mutant(
    *deserves: str,
    law: int | None,
    tool: str = "count",
    slow: Arguments = SLOW,
    fast: Arguments = FAST,
    flood: int = 2000,
    costly: bool = False,
) -> Callable[[Server], Server]:
    def add(server: Server) -> Server:
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", server.__name__).lower()
        assert name not in KINDS, name
        KINDS[name] = Kind(
            name, server.__module__, server, frozenset(deserves), law, tool, slow, fast, flood, costly
        )
        return server

    return add


def dialect(*, law: int | None = 2, tool: str = "count", costly: bool = False) -> Callable[[Server], Server]:
    return mutant(law=law, tool=tool, costly=costly)
