"""Lesson 07's client proves what it says, and says what it cannot prove."""

import re
import sys
from pathlib import Path

import pytest
from broken_07 import LESSON

from cable import cable
from processes import run, serving, speaking

QUICK = ("--interval", "0.05", "--away", "0.25")


def numbers(word: str, output: str) -> list[int]:
    return [int(number) for number in re.findall(rf"^{word} +(\d+) of", output, re.MULTILINE)]


def test_it_resumes_and_proves_the_whole() -> None:
    with serving(LESSON, "--retry", "100") as server:
        code, output = run(LESSON, "client.py", "--url", server.url, *QUICK)
    assert code == 0, output
    assert numbers("replayed", output), output
    assert numbers("live", output)[:3] == [1, 2, 3]
    assert numbers("(?:live|replayed)", output) == list(range(1, 11))
    cursor = re.search(r"GET +Last-Event-ID: (\w+-3)$", output, re.MULTILINE)
    assert cursor, output
    assert re.search(rf"resumed after {cursor[1]}: [1-9] missed", server.output), server.output


def test_without_the_header_it_says_what_is_lost() -> None:
    with serving(LESSON, "--retry", "100") as server:
        code, output = run(LESSON, "client.py", "--url", server.url, "--no-resume", *QUICK)
    assert code == 1
    assert re.search(r"failed +lost \d: 4, 5", output), output


def test_what_was_evicted_is_lost_aloud() -> None:
    with serving(LESSON, "--retry", "100", "--max-events", "2") as server:
        code, output = run(LESSON, "client.py", "--url", server.url, *QUICK)
    assert code == 1
    assert "refused   410" in output
    cursor = re.search(r"afresh +from (\w+-\d+) on;", output)
    assert cursor, output
    assert f"GET       Last-Event-ID: {cursor[1]}\n" in output
    assert re.search(r"failed +lost \d+: 4", output), output
    came = numbers("(?:live|replayed)", output)
    assert came == [1, 2, 3, *range(came[3], 11)], output  # what was left came, each once and in order


def test_what_is_in_flight_at_the_cut_is_named() -> None:
    """At full speed all is sent before the cut. That proves nothing, and a hint says what does."""
    for more in ((), ("--away", "2")):
        with serving(LESSON, "--retry", "100") as server:
            code, output = run(LESSON, "client.py", "--url", server.url, "--interval", "0", *more)
        assert code == 1, output
        assert output.endswith("all was sent before the cut, so raise --interval or --count")
        for line in output.splitlines():
            assert not line.startswith("replayed") or line.endswith(", in flight when the socket was severed")


def test_a_lost_session_is_begun_afresh() -> None:
    """The server is another one when the client comes back, as after a restart."""
    with serving(LESSON, "--retry", "500") as first, serving(LESSON) as second, cable(first.port) as line:
        url = f"http://127.0.0.1:{line.port}/mcp"
        with speaking(LESSON, sys.executable, "client.py", "--url", url, *QUICK, "--count", "5") as client:
            client.wait_for("^severed")
            line.lead_to(second.port)
            assert client.finish() == 1, client.output
    assert "refused   404" in client.output
    assert "afresh" in client.output
    assert re.search("failed +.*afresh", client.output.splitlines()[-1]), client.output


def test_it_obeys_retry() -> None:
    with serving(LESSON, "--retry", "1500") as server:
        _, output = run(LESSON, "client.py", "--url", server.url, *QUICK)
    assert "away for 1.5 s" in output


@pytest.mark.parametrize("flags", [("--count", "0"), ("--drop-after", "10"), ("--interval", "x")])
def test_flags_that_prove_nothing_are_refused(flags: tuple[str, ...]) -> None:
    code, output = run(LESSON, "client.py", *flags)
    assert code == 2
    assert "Traceback" not in output


def test_a_server_that_is_down_is_one_sentence() -> None:
    with serving(LESSON) as server:
        pass
    code, output = run(LESSON, "client.py", "--url", server.url)
    assert code == 1
    assert len(output.splitlines()) == 1
    assert "uv run server.py" in output


def test_a_server_that_is_another_is_one_sentence(tmp_path: Path) -> None:
    with speaking(tmp_path, sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1") as other:
        port = other.wait_for(r"port (\d+)")[1]
        code, output = run(LESSON, "client.py", "--url", f"http://127.0.0.1:{port}/mcp")
    assert code == 1
    assert output == "failed    501: no reason given"


def test_silence_ends_it() -> None:
    """A server that takes the call and then says nothing more."""
    with serving(LESSON, "--retry", "100") as server, cable(server.port) as line:
        url = f"http://127.0.0.1:{line.port}/mcp"
        with speaking(LESSON, sys.executable, "client.py", "--url", url, *QUICK, "--patience", "2") as client:
            client.wait_for("^severed")
            line.hold()
            assert client.finish() == 1
    assert "silence   for 2 s" in client.output
    assert "failed    lost" in client.output
