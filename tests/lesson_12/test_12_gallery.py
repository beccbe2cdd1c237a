"""The checker can fail: each lie of the liar is caught by its own name, and the honest server passes."""

import re

import pytest

from processes import ROOT, run, serving

LESSON = ROOT / "12_prove_it"
MODERN = ("--era", "2026-07-28")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("era", [(), MODERN], ids=["resumption", "tasks"])
def test_each_lie_is_caught_by_name(era: tuple[str, ...]) -> None:
    code, lies = run(LESSON, "server.py", "--list", *era)
    assert code == 0
    honest, *others = (line.split()[:2] for line in lies.splitlines())
    assert honest == ["honest", "-"]
    assert len(others) >= 13
    folder, typed = (LESSON, ("client.py", *era)) if era else (ROOT, ("-m", "workshop", "12"))
    code, output = run(folder, *typed, patience=380)
    assert code == 0, output
    assert f"{len(others)} of {len(others)} lies caught by name; the honest server passes" in output
    assert re.search("^ ?honest +nothing +passes *$", output, re.M), output
    for name, deserved in others:
        assert re.search(rf"^ ?{name} +{deserved} +caught: {deserved}\b", output, re.M), output


def test_a_server_with_tasks_keeps_the_laws() -> None:
    tool = ("--tool", "build_project", "--args", '{"steps": 6, "interval": 0.2}')
    with serving(ROOT / "13_tasks") as server:
        code, output = run(LESSON, "client.py", server.url, *MODERN, *tool, patience=200)
    assert code == 0, output
    assert re.search("^MUST: 12 held, 0 broken; .* 2 not reached, 0 unknown", output, re.M), output


def test_a_server_without_tasks_is_told_so() -> None:
    with serving(ROOT / "07_advanced_stream_resumption") as server:
        code, output = run(LESSON, "client.py", server.url, *MODERN, "--tool", "send_burst")
    assert code == 2, output
    assert "does not speak 2026-07-28" in output
