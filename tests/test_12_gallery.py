"""The checker can fail: each lie of the liar is caught by its own name, and the honest server passes."""

import re

from processes import ROOT, run

LESSON = ROOT / "12_prove_it"


def test_each_lie_is_caught_by_name() -> None:
    code, lies = run(LESSON, "server.py", "--list")
    assert code == 0
    assert len(lies.splitlines()) == 14
    code, output = run(ROOT, "workshop.py", "12", patience=120)
    assert code == 0, output
    assert "13 of 13 lies caught by name; the honest server passes" in output
    for line in lies.splitlines()[1:]:
        name = line.split()[0]
        assert re.search(rf"^ ?{name} .*X", output, re.M), name
