"""The checker can fail: each lie of the liar is caught by its own name, and the honest server passes."""

import re

import pytest

from processes import ROOT, run

LESSON = ROOT / "12_prove_it"


@pytest.mark.timeout(400)
def test_each_lie_is_caught_by_name() -> None:
    code, lies = run(LESSON, "server.py", "--list")
    assert code == 0
    honest, *others = (line.split()[:2] for line in lies.splitlines())
    assert honest == ["honest", "-"]
    assert len(others) >= 13
    code, output = run(ROOT, "-m", "workshop", "12", patience=380)
    assert code == 0, output
    assert f"{len(others)} of {len(others)} lies caught by name; the honest server passes" in output
    assert re.search("^ ?honest +nothing +passes *$", output, re.M), output
    for name, deserved in others:
        assert re.search(rf"^ ?{name} +{deserved} +caught: {deserved}\b", output, re.M), output
