"""Measures the servers: interleaved rounds, and of each cell the median."""

import contextlib
import os
import sys
from collections.abc import Generator
from dataclasses import dataclass
from statistics import median

import servers

MISSED = 1000  # messages that a resumption brings


@dataclass
class ServerRow:
    """Messages a second by number of listeners, and seconds to the first and the last missed message."""

    name: str
    to_one: float = 0.0
    to_many: float = 0.0
    first: float = 0.0
    last: float = 0.0


@dataclass(frozen=True)
class Load:
    one: int  # messages to one listener
    listeners: int
    each: int  # messages to each of them
    rounds: int


def measure(load: Load) -> list[ServerRow]:
    rows = [ServerRow(name) for name in (servers.THIS, servers.SDK, servers.EACH, servers.JOINED)]
    with contextlib.ExitStack() as stack:
        ports = {row.name: stack.enter_context(servers.start(row.name)) for row in rows}
        stack.enter_context(pinned())
        to_one: dict[str, list[float]] = {row.name: [] for row in rows}
        to_many: dict[str, list[float]] = {row.name: [] for row in rows}
        for turn in range(load.rounds + 1):
            for name, port in ports.items():
                one = servers.rate(name, port, 1, load.one)
                many = servers.rate(name, port, load.listeners, load.each)
                if turn:  # the first round is for warmth
                    to_one[name].append(one)
                    to_many[name].append(many)
        resumptions = {name: servers.Resumption(name, port, MISSED) for name, port in ports.items()}
        took: dict[str, list[tuple[float, float]]] = {row.name: [] for row in rows}
        for _ in range(4 * load.rounds):
            for name, resumption in resumptions.items():
                took[name].append(resumption.measure())
    for row in rows:
        row.to_one, row.to_many = median(to_one[row.name]), median(to_many[row.name])
        row.first = median(first for first, _ in took[row.name])
        row.last = median(last for _, last in took[row.name])
    return rows


@contextlib.contextmanager
def pinned() -> Generator[None]:
    """The client stays on the core that the servers leave to it."""
    if sys.platform != "linux":
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
