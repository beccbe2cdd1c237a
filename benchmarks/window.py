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
"""What lesson 09's window costs, beside a bare deque and mcp-persist: `uv run benchmarks/window.py`.

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
import window_rows
from chart import number
from report import MICRO, MILLI, beside, table
from window_stores import LIMIT, PERSIST, THIS

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
        cells += [beside(row.pause, limit.pause, MILLI)]
        made.add_row(row.name, *cells, style="bold green" if row.name == THIS else None)
    console.print(made)


def show_windows(share: int) -> None:
    made = table("A full window, MB", "bytes a message", "a session", "1,000 sessions")
    for events, size in WINDOWS:
        kept = window_rows.window_bytes(events // share, size) * share
        made.add_row(f"{events:,} events", f"{size:,}", f"{kept / 1e6:.2g}", f"{kept / 1e3:,.0f}")
    console.print(made)


def show_server(listeners: int, events: int) -> None:
    if sys.platform == "linux":
        idle, stream = herd.weights(listeners)
        parts = [count / 1e6 for count in herd.flatness(events, 5)]
        made = table("Memory of the server", "")
        made.add_row("an idle session, kB", number(idle / 1e3))
        made.add_row("an open stream besides, kB", number(stream / 1e3))
        made.add_row(f"MB after each fifth of {events:,} events", ", ".join(f"{part:.1f}" for part in parts))
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
    parser = argparse.ArgumentParser(description="What lesson 09's window costs.")
    parser.add_argument("--quick", action="store_true", help="a try: few rounds, no peer from outside")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the servers too
    raise_limit_of_files()
    began = time.perf_counter()
    if flags.quick:
        show_stores([LIMIT, THIS], [100, 1_000], 1)
        show_windows(50)
        show_server(20, 2_000)
    else:
        show_stores([LIMIT, THIS, PERSIST], [100, 100_000], 9)
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
