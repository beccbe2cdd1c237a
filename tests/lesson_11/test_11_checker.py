"""Lesson 12's checker against lesson 11: clean on each storage, and not where the lesson is broken."""

import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from processes import ROOT, Server, run, serving
from workshop.breaks import edited, read

CHECKER = ROOT / "12_prove_it"
QUICK = ("--retry", "20", "--lease", "0.6")  # all limits are as by default
# Six rounds of four fast builds are more than a session keeps: so the checker sees that it is bounded.
SLOW, FAST = '{"steps": 8, "interval": 0.1}', '{"steps": 500, "interval": 0.001}'
ASK = ("--tool", "build_project", "--args", SLOW, "--fast-args", FAST, "--quiet", "0.4", "--patience", "2")


@pytest.fixture(params=["memory", "sqlite", "redis"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Server]:
    if request.param == "redis":
        with (
            real_redis(tmp_path) as redis,
            serving(LESSON, "--workers", "2", "--redis", redis.url, *QUICK) as server,
        ):
            yield server
    else:
        file = str(tmp_path / "s.db")
        with serving(LESSON, "--storage", request.param, "--file", file, *QUICK) as server:
            yield server


def test_the_checker_finds_nothing(server: Server, tmp_path: Path) -> None:
    told = tmp_path / "r.json"
    code, output = run(CHECKER, "client.py", server.url, *ASK, "--strict", "--json", str(told))
    assert code == 0, output
    checks = json.loads(told.read_text("utf-8"))["checks"]
    assert {check["law"] for check in checks} == set(range(1, 11))
    outcomes = [check["outcome"] for check in checks]
    assert "broken" not in outcomes
    unreached = [check["name"] for check in checks if check["outcome"] == "not reached"]
    assert unreached == ["large and foreign text is whole"], output  # a build repeats nothing of its caller's


def test_the_checker_finds_what_is_broken(tmp_path: Path) -> None:
    """The first row of what breaks it: a resumed stream begins with the first event."""
    broken = edited(LESSON, tmp_path, *read(LESSON)[0].edits)
    with serving(broken, "--storage", "memory", *QUICK) as server:
        code, output = run(CHECKER, "client.py", server.url, *ASK, "--law", "2")
    assert code == 1, output
    assert re.search("^law 2, .*: doubled$", output, re.MULTILINE), output
