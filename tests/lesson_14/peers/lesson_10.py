"""Lesson 10's client, with a cache of its own for each run: the city's forecast is what the judge answers."""

import runpy
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "10_resumption"))

with tempfile.TemporaryDirectory() as folder:
    sys.argv[1:] = ["--url", sys.argv[1], "--cache", f"{folder}/cache", "--die-at", "never"]
    runpy.run_module("client", run_name="__main__")
