# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "mcp-persist[sqlite]==2.2.0",
#     "mcp==2.3.0",
#     "pydantic>=2.12,<3",
#     "rich>=15,<16",
#     "starlette>=1.10,<2",
#     "uvicorn>=0.54,<1",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
"""What lesson 08's store and 09's window cost, and their servers: `uv run benchmarks/window.py`.

Beside a bare deque, lesson 07's store and mcp-persist.

The peer is in this script's own environment. `--quick` leaves it out, and measures so little that only the
shape of the result holds.
"""

import argparse
import os
import platform
import signal
import sys
import time

from rich.console import Console

import herd
import weights
import window_rows
from chart import number
from report import MICRO, MILLI, beside, table
from weights import SERVERS
from window_stores import EIGHTH, LIMIT, PERSIST, SEVENTH, THIS

console = Console(highlight=False)
console.width = max(console.width, 120)  # piped, it would be 80, and numbers would be cut off
WINDOWS = [(500, 300), (5_000, 300), (50_000, 300), (5_000, 3_000)]


def show_stores(names: list[str], kept: list[int], rounds: int) -> None:
    rows = window_rows.measure(names, kept, rounds)
    limit = next(row for row in rows if row.name == LIMIT)
    columns = [f"{what},\n{count:,} kept" for what in ("record", "replay 10") for count in kept]
    made = table("Stores, µs (beside the bare deque)", *columns, "ms, the\nlongest pause")
    for row in rows:
        cells = [beside(row.record[count], limit.record[count], MICRO) for count in kept]
        cells += [beside(row.replay[count], limit.replay[count], MICRO) for count in kept]
        cells += [beside(row.pause, limit.pause, MILLI) if row.pause and limit.pause else "by number only"]
        made.add_row(row.name, *cells, style="bold green" if row.name in (EIGHTH, THIS) else None)
    console.print(made)


def show_windows(share: int) -> None:
    made = table("A full window, MB", "bytes a message", "a session", "1,000 sessions")
    for events, size in WINDOWS:
        kept = window_rows.window_bytes(events // share, size) * share
        made.add_row(f"{events:,} events", f"{size:,}", f"{kept / 1e6:.2g}", f"{kept / 1e3:,.0f}")
    console.print(made)


def show_server(listeners: int, events: int) -> None:
    if sys.platform == "linux":
        columns = (
            "an idle\nsession, kB",
            "an open stream\nbesides, kB",
            f"MB after each fifth\nof {events:,} events",
        )
        made = table("Memory of the servers", *columns)
        for name, server in SERVERS.items():
            idle, stream = weights.weights(server, listeners)
            parts = [f"{count / 1e6:.1f}" for count in weights.flatness(server, events, 5)]
            made.add_row(name, number(idle / 1e3), number(stream / 1e3), ", ".join(parts))
        console.print(made)
    columns = ("s to the last whole", "ms to be whole, median", "ms, the longest", "messages lost")
    made = table(f"A herd of {listeners:,}, all cut, all back", *columns)
    for run in herd.stampedes(listeners):
        name = f"jitter of {run.jitter:g} s" if run.jitter else "no jitter"
        cells = (f"{run.last:.2f}", number(run.usual * MILLI), number(run.longest * MILLI), str(run.lost))
        made.add_row(name, *cells)
    console.print(made)


def raise_limit_of_files() -> None:
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    parser = argparse.ArgumentParser(description="What lesson 08's store and lesson 09's window cost.")
    parser.add_argument("--quick", action="store_true", help="a try: few rounds, no peer from outside")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the servers too
    raise_limit_of_files()
    began = time.perf_counter()
    if flags.quick:
        show_stores([LIMIT, SEVENTH, EIGHTH, THIS], [100, 1_000], 1)
        show_windows(50)
        show_server(20, 2_000)
    else:
        show_stores([LIMIT, SEVENTH, EIGHTH, THIS, PERSIST], [100, 100_000], 9)
        show_windows(1)
        show_server(1_000, 1_000_000)
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {time.perf_counter() - began:.0f} s"
    )
    if flags.quick:
        console.print("A quick run shows that it runs: its numbers mean nothing.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
