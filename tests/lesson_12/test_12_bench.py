"""Each mutant is caught by its own name, and each sound server is found clean: asked once.

All laws, ten times each: `uv run --group test python tests/lesson_12/bench.py --seeds 10`.
"""

import json
from pathlib import Path

import pytest

from processes import run

HERE = Path(__file__).parent
FAMILIES = ("broken_replay", "broken_ids", "broken_doors", "broken_lives", "dialects")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_checker_tells_faults_from_dialects(family: str) -> None:
    _, output = run(HERE, "bench.py", family, "--json", patience=880)
    findings = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    assert len(findings) >= 10, output
    wrong = {finding["kind"]: finding for finding in findings if not finding["is_right"]}
    assert not wrong
