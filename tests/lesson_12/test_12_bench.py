"""Each mutant is caught by its own name, and each sound server is found clean: asked once.

All laws, ten times each: `uv run --group test python tests/lesson_12/bench.py --seeds 10`.
"""

import asyncio

import bench
import pytest

FAMILIES = ("broken_replay", "broken_ids", "broken_doors", "broken_lives", "dialects")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_checker_tells_faults_from_dialects(family: str) -> None:
    flags = bench.parser().parse_args([family])
    findings = asyncio.run(bench.judge_all(bench.chosen(flags), flags))
    assert len(findings) >= 10
    assert not [str(finding) for finding in findings if not finding.is_right]
