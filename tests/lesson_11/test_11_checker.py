"""Lesson 12's checker against lesson 11: clean on each storage, and not where the lesson is broken."""

import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis
from test_11_readme import TABLE

from broken_07 import edited_copy
from processes import ROOT, Server, run, serving

CHECKER = ROOT / "12_prove_it"
QUICK = ("--retry", "20", "--lease", "0.6", "--max-events", "200")  # what three fast builds bring is evicted
SLOW, FAST = '{"steps": 8, "interval": 0.03}', '{"steps": 300, "interval": 0.002}'
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
    """The first edit of the README's table: a resumed stream begins with the first event."""
    edit, _, verdict = TABLE[0]
    broken = edited_copy(LESSON, tmp_path, edit)
    with serving(broken, "--storage", "memory", *QUICK) as server:
        code, output = run(CHECKER, "client.py", server.url, *ASK, "--law", "2")
    assert code == 1, output
    assert re.search(rf"^law 2, .*: {verdict}$", output, re.MULTILINE), output
