# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "djangorestframework-mcp-server==0.54.0",
#     "fastmcp==4.1.2",
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
"""How quick lesson 07 is beside its peers, in one run: `uv run benchmarks/replay.py`.

The peers are in this script's own environment, so that they constrain nothing else. `--quick` leaves out
what the project's environment does not have, and measures so little that only the shape of the result holds.
"""

import argparse
import os
import platform
import signal
import sys
import time
from pathlib import Path

from rich.console import Console

import chart
import peer_stores
import report
import server_rows
import store_rows
import stores
from bars import bars
from server_rows import Load

console = Console(highlight=False)
console.width = max(console.width, 104)  # piped, it would be 80, and numbers would be cut off


def main() -> None:
    parser = argparse.ArgumentParser(description="How quick lesson 07 is beside its peers.")
    parser.add_argument("--save-svg", type=Path, metavar="FILE", help="draw the result")
    parser.add_argument("--quick", action="store_true", help="a try: few rounds, no peers from outside")
    flags = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the servers too

    names, kept, rounds, batch = [stores.LIMIT, stores.THIS, stores.SDK], [100, 1_000], 1, 0.001
    load = Load(one=500, listeners=5, each=100, rounds=1)
    if not flags.quick:
        names += [peer_stores.REST, peer_stores.FAST]
        kept, rounds, batch = [100, 5_000, 100_000], 9, 0.04
        load = Load(one=20_000, listeners=100, each=200, rounds=5)

    began = time.perf_counter()
    of_stores = store_rows.measure(names, kept, rounds, batch)
    console.print(report.store_table(of_stores))
    of_servers = server_rows.measure(load)
    console.print(report.server_table(of_servers, load))
    held = bars({row.name: row for row in of_stores}, {row.name: row for row in of_servers})
    console.print(report.bar_table(held))
    took = time.perf_counter() - began
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {took:.0f} s")
    if flags.quick:
        console.print("A quick run shows that it runs: its numbers mean nothing.")
    if flags.save_svg:
        chart.save(flags.save_svg, "Lesson 07 beside its peers", report.panels(of_stores, of_servers, load))
        console.print(f"drawn in {flags.save_svg}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
