"""The judge as a maintainer meets it: real clients as real processes, exit codes, and what machines read."""

import ast
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from processes import ROOT, run, speaking

LESSON = ROOT / "14_prove_your_client"
CLIENT = ("--", sys.executable, "client.py", "--url", "{url}")


def keys(report: Path) -> list[set[str]]:
    """Of each dict that `as_json` writes."""
    tree = ast.parse(report.read_text(encoding="utf-8"))
    (function,) = (
        one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == "as_json"
    )
    dicts = [one for one in ast.walk(function) if isinstance(one, ast.Dict)]
    return [{str(key.value) for key in one.keys if isinstance(key, ast.Constant)} for one in dicts]


def test_an_honest_client_passes_and_machines_can_read_it(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("json", "junit", "html", "badge")}
    asked = ("--case", "a-reset", "--case", "away-for-1-s", "--case", "two-calls-in-flight", "--seed", "7")
    written = [word for name, file in files.items() for word in (f"--{name}", str(file))]
    code, output = run(LESSON, "server.py", *asked, *written, *CLIENT)
    assert code == 0, output
    assert all(len(line) <= 80 for line in output.splitlines() if "verdict" in line or "reset" in line), (
        output
    )
    told = json.loads(files["json"].read_text(encoding="utf-8"))
    outcomes = {check["name"]: check["outcome"] for check in told["checks"]}
    assert outcomes == {"a reset": "holds", "away for 1 s": "holds", "two calls in flight": "not reached"}
    reset = next(check for check in told["checks"] if check["name"] == "a reset")
    assert ", cut: a reset\n" in reset["evidence"]
    assert re.search("(?m)^last-event-id: ", reset["evidence"])
    assert {moment["who"] for moment in reset["wire"]} == {"client", "judge", "cut"}
    suite = ElementTree.fromstring(files["junit"].read_text(encoding="utf-8"))[0]  # noqa: S314 (our own)
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "0", "1")
    assert '<p class="cut">cut: a reset</p>' in files["html"].read_text(encoding="utf-8")
    assert ">proven</text>" in files["badge"].read_text(encoding="utf-8")


def test_its_json_has_the_shape_of_lesson_12() -> None:
    ours = keys(LESSON / "judging" / "report.py")
    theirs = keys(ROOT / "12_prove_it" / "laboratory" / "report.py")
    assert all(any(needed <= there for there in ours) for needed in theirs)


def test_a_liar_is_called_by_name_with_the_bytes() -> None:
    asked = ("--case", "cut-again-after-an-event", "--seed", "7")
    code, output = run(LESSON, "server.py", *asked, *CLIENT, "--lie", "keep-the-first-id")
    assert code == 0, output  # a SHOULD
    assert re.search("^law 2, cut again after an event: doubled$", output, re.M), output
    assert re.search("^ +> GET /mcp HTTP/1.1$", output, re.M), output
    assert re.search("^ +repeat +uv run server.py --case cut-again-after-an-event --seed 7 -- ", output, re.M)
    code, output = run(LESSON, "server.py", "--strict", *asked, *CLIENT, "--lie", "keep-the-first-id")
    assert code == 1, output


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--", "no-such-command", "{url}"), 2, "no-such-command cannot be started"),
        (("--", sys.executable, "client.py"), 2, "the command needs {url}"),
        (("--case", "nonsense", *CLIENT), 2, "there is no case 'nonsense'"),
        (("--", sys.executable, "-c", "print('bye')", "{url}"), 3, "it did not call the tool: exit code 0"),
        (
            ("--time-limit", "1", "--", sys.executable, "-c", "raise SystemExit(4)", "{url}"),
            3,
            "it did not call the tool",
        ),
    ],
    ids=["no command", "no url", "no case", "no call", "ends at once"],
)
def test_what_proves_nothing_is_not_green(words: tuple[str, ...], code: int, says: str) -> None:
    ended, output = run(LESSON, "server.py", *words)
    assert ended == code, output
    assert says in " ".join(output.split()), output
    assert "Traceback" not in output


def test_a_client_that_does_not_end_is_ended() -> None:
    endless = "import time; print('here', flush=True); time.sleep(600)"
    words = ("--time-limit", "1", "--", sys.executable, "-c", endless, "{url}")
    with speaking(LESSON, sys.executable, "server.py", *words) as judge:
        assert judge.finish() == 3, judge.output
        assert judge.has_ended(), "the client lives on"


def test_workshop_judges_from_anywhere(tmp_path: Path) -> None:
    words = ("--case", "an-uncut-call", "--", sys.executable, str(LESSON / "client.py"), "--url", "{url}")
    code, output = run(tmp_path, str(ROOT / "workshop" / "__main__.py"), "judge", *words)
    assert code == 0, output
    assert re.search("an uncut call +2 +our reading +holds", output), output


def test_one_case_is_played_to_whoever_comes() -> None:
    with speaking(LESSON, sys.executable, "server.py", "--port", "0", "--case", "a-reset") as judge:
        url = judge.wait_for(r"listening on (http://\S+)")[1]
        for number in (1, 2):
            code, output = run(LESSON, "client.py", "--url", url)
            assert code == 0, output
            assert "done: counted" in output
            judge.wait_for("^as it should", number)
        judge.ctrl_c()
        assert judge.finish() == 130
    assert judge.lines[-1] == "stopped"
    assert "Traceback" not in judge.output
