"""The checker can fail: each lie of the liar is caught by its own name, and the honest server passes."""

import re

import pytest

from processes import ROOT, run

LESSON = ROOT / "12_prove_it"


@pytest.mark.timeout(400)
def test_each_lie_is_caught_by_name() -> None:
    """A seed may miss a lie that is a matter of moments: others are tried then; honesty passes with each."""
    code, lies = run(LESSON, "server.py", "--list")
    assert code == 0
    assert len(lies.splitlines()) == 14
    code, output = 1, ""
    for _ in range(3):
        code, output = run(ROOT, "-m", "workshop", "12")
        assert "the honest server passes" in output, output
        if code == 0:
            break
    assert code == 0, output
    assert "13 of 13 lies caught by name; the honest server passes" in output
    for line in lies.splitlines()[1:]:
        name = line.split()[0]
        assert re.search(rf"^ ?{name} .*X", output, re.M), name
