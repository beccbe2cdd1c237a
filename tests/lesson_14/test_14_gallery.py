"""The judge can fail a client: each lie is called by its own name, and the honest client passes."""

import re

from processes import ROOT, run

LESSON = ROOT / "14_prove_your_client"


def test_each_lie_is_caught_by_name() -> None:
    code, lies = run(LESSON, "client.py", "--list")
    assert code == 0
    honest, *others = (line.split()[:2] for line in lies.splitlines())
    assert honest == ["honest", "-"]
    assert len({verdict for _, verdict in others}) == len(others) == 15
    code, output = run(LESSON, "gallery.py", patience=380)
    assert code == 0, output
    assert re.search("^ ?honest +nothing +passes *$", output, re.M), output
    for name, deserved in others:
        assert re.search(rf"^ ?{name} +{deserved} +caught: {deserved}\b", output, re.M), output
    assert f"{len(others)} of {len(others)} lies caught by name; the honest client passes" in output
