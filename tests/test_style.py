"""Linted, formatted and strictly typed: lessons, workshop, benchmarks and tests."""

import subprocess
import sys

import pytest

from processes import ROOT


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check"), ("ruff", "format", "--check"), ("basedpyright",)],
    ids=lambda tool: "-".join(tool),
)
def test_the_house_is_in_order(tool: tuple[str, ...]) -> None:
    told = subprocess.run(
        [sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, timeout=390
    )
    assert told.returncode == 0, told.stdout + told.stderr
