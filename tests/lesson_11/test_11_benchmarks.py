"""Lesson 11's benchmarks run, and show each number; how quick they are, no test asks."""

import re
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from redis_11 import real_redis

from processes import ROOT, run

BENCHMARKS = ROOT / "benchmarks"
CELL = r"[\d.e+]+ \([\d.]+x\)"


@pytest.fixture(autouse=True)
def a_redis(tmp_path: Path) -> Generator[None]:
    """They start their own; where there is none, this one says so."""
    with real_redis(tmp_path):
        yield


def test_each_storage_has_each_number_and_its_ratio() -> None:
    code, output = run(BENCHMARKS, "many_workers.py", "--quick")
    assert code == 0, output
    rows = re.findall(rf"^ *(bare|lesson 11) +((?:{CELL} *)+)$", output, re.MULTILINE)
    shown = [(name, len(re.findall(CELL, cells))) for name, cells in rows]
    memory, redis, sqlite = ([("bare", columns), ("lesson 11", columns)] for columns in (2, 3, 2))
    assert shown == memory + redis + sqlite, output
    assert len(re.findall(r" times bare, wanted at most [\d.]+: (?:met|missed)", output)) == 4, output


@pytest.mark.skipif(sys.platform != "linux", reason="the soak asks Linux for the workers")
@pytest.mark.parametrize(
    ("storage", "fault"), [("redis", "worker"), ("redis", "client-kill"), ("sqlite", "disk")]
)
def test_the_soak_counts_and_loses_nothing(storage: str, fault: str) -> None:
    flags = f"--storage {storage} --faults {fault} --sessions 10 --rate 20 --seconds 4 --most 1 --pause 1"
    code, output = run(BENCHMARKS, "soak.py", *flags.split(), "--workers", "2", "--deaf", "0")
    assert code == 0, output
    told = dict(line for line in re.findall(r"^(\w[\w ,']*?)  +(\S.*)$", output, re.MULTILINE))
    assert told["delivered"].startswith("845 ("), output
    assert told["faults"] == f"1 of {fault}"
    assert {told[what] for what in ("lost", "doubled", "moved", "hung", "foreign")} == {"0"}
    assert re.search(r"with \d+ builds that sleep", told["beside it"])
