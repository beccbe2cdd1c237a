"""Lesson 09's client on a network that is cut: what it tells apart, and what it proves of each."""

import random
import re
import sys
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import pytest

from broken_09 import LESSON
from processes import Server, cuttable, run, serving, speaking

SHORT = ("--steps", "40", "--seconds", "4")


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--retry", "20", "--ping", "0.3") as server:
        yield server


QUICK = ("--silence", "1.5", "--patience", "8", "--longest-wait", "0.2")


def client(network: Server, *flags: str) -> tuple[int, str]:
    return run(LESSON, "client.py", "--url", network.url, *QUICK, *flags)


def steps(word: str, output: str) -> list[int]:
    return [int(step) for step in re.findall(rf"^{word} +(\d+) of", output, re.MULTILINE)]


def ten_cuts(seed: int, seconds: float) -> str:
    """Ten times at random: a reset, or half of an event; now for a moment, now for longer."""
    dice = random.Random(seed)  # noqa: S311 (the same each time)
    script: list[str] = []
    for number in range(10):
        at = 0.3 + (number + dice.uniform(0.2, 0.6)) * seconds / 10  # when the build has begun
        if dice.random() < 0.4:
            script.append(f"{at:.3f} half")
        else:
            script += [f"{at:.3f} cut", f"{at + dice.uniform(0.01, 0.03) * seconds:.3f} restore"]
    return ", ".join(script)


def cut_ten_times(seed: int, server: Server) -> None:
    script = ten_cuts(seed, 3.4)
    with cuttable(server.port, "--script", script) as network:
        code, output = client(network, *SHORT, "--expect", "whole")
        cuts = len(re.findall("^(?:cut|half) ", network.output, re.MULTILINE))
    assert code == 0, f"{script}\n{output}"
    assert cuts == 10
    assert len(re.findall("^lost ", output, re.MULTILINE)) >= 10, output
    came = re.findall(r"^(?:live|late|replayed) +(\d+) of 40", output, re.MULTILINE)
    assert list(map(int, came)) == list(range(1, 41))


def test_builds_cut_at_random_ten_times_are_whole(server: Server) -> None:
    """Three at the same time, on networks of their own."""
    with ThreadPoolExecutor(3) as builds:
        for done in [builds.submit(cut_ten_times, seed, server) for seed in (1, 2, 3)]:
            done.result()


def test_a_short_stall_is_waited_for(server: Server) -> None:
    with cuttable(server.port, "--script", "0.5 stall, 1.4 restore") as network:
        code, output = client(network, "--steps", "20", "--seconds", "2", "--expect", "whole")
    assert code == 0, output
    assert steps("late", output), output
    assert not re.search("^(lost|silence)", output, re.MULTILINE), output
    assert "of them late" in output


def test_a_long_stall_is_a_dead_connection(server: Server) -> None:
    """Nobody has told the client: it hears neither messages nor pings, and resumes."""
    with cuttable(server.port, "--script", "0.5 stall, 2.4 cut, 2.5 restore") as network:
        code, output = client(network, "--steps", "20", "--seconds", "2", "--expect", "whole")
    assert code == 0, output
    assert "silence   the connection (ReadTimeout)" in output
    assert steps("replayed", output), output


def test_an_outage_longer_than_the_window() -> None:
    with (
        serving(LESSON, "--retry", "20", "--max-age", "0.3") as server,
        cuttable(server.port, "--script", "0.6 cut, 1.3 restore") as network,
    ):
        code, output = client(network, "--steps", "20", "--seconds", "2.2", "--expect", "gone")
        assert server.output.count("begun") == 1
    assert code == 0, output
    assert "refused   410: What came next is no longer kept." in output
    gone = re.search(r"^gone +steps (\d+) to (\d+)", output, re.MULTILINE)
    assert gone, output
    count = int(gone[2]) - int(gone[1]) + 1
    assert re.search(rf"proven +the result of the one build, though the messages of {count} steps", output)


def test_an_outage_longer_than_the_build() -> None:
    """The result waits, for whoever has the key."""
    with (
        serving(LESSON, "--retry", "20", "--max-age", "0.3") as server,
        cuttable(server.port, "--script", "0.5 cut, 2 restore") as network,
    ):
        code, output = client(network, "--steps", "10", "--seconds", "1", "--expect", "gone")
    assert code == 0, output
    assert "refused   410" in output


def test_a_server_that_has_forgotten_the_session() -> None:
    """Another one has taken its place, as after a restart; what it is asked for it begins afresh."""
    with serving(LESSON, "--retry", "20") as first:
        port = str(first.port)
        with cuttable(first.port, "--script", "0.5 cut, 2.5 restore") as network:
            flags = (*QUICK, "--steps", "10", "--seconds", "1", "--expect", "afresh")
            with speaking(LESSON, sys.executable, "client.py", "--url", network.url, *flags) as build:
                network.wait_for("^cut ")
                first.stop()
                with serving(LESSON, "--retry", "20", command=("server.py", "--port", port)):
                    assert build.finish() == 0, build.output
    assert "refused   404" in build.output
    assert "afresh    the server does not know the build" in build.output
    assert re.search("proven +a fresh start, and a whole build: 10 of 10", build.output)


def test_a_session_that_was_idle_for_too_long_is_not_the_build() -> None:
    """The session has ended, the build has not: its key finds it in a new session."""
    with (
        serving(LESSON, "--retry", "20", "--max-idle", "0.2") as server,
        cuttable(server.port, "--script", "0.5 cut, 2 restore") as network,
    ):
        code, output = client(network, "--steps", "10", "--seconds", "1", "--expect", "gone")
    assert code == 0, output
    assert "refused   404" in output
    assert server.output.count("begun") == 1


def test_backoff_obeys_retry() -> None:
    with (
        serving(LESSON, "--retry", "300") as slow,
        cuttable(slow.port, "--script", "0.3 cut") as network,
    ):
        code, output = client(network, "--patience", "2")
    assert code == 1
    waits = [float(wait) for wait in re.findall(r"^waiting +([\d.]+) s", output, re.MULTILINE)]
    assert len(waits) >= 2
    assert min(waits) >= 0.3
    assert "failed    no message has come for 2 s" in output.splitlines()[-1]


def test_what_was_never_cut_proves_nothing(server: Server) -> None:
    code, output = run(LESSON, "client.py", "--url", server.url, "--steps", "2", "--seconds", "0")
    assert code == 1
    assert "failed    whole, but nothing was sent while nobody was connected" in output


def test_a_run_that_shows_something_else_fails(server: Server) -> None:
    flags = ("--steps", "2", "--seconds", "0", "--expect", "gone")
    code, output = run(LESSON, "client.py", "--url", server.url, *flags)
    assert code == 1
    assert "failed    this run was to show 'gone', and has shown 'whole'" in output


def test_a_url_without_a_port_is_one_sentence() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://127.0.0.1:99999/mcp")
    assert code == 2
    assert "--url: invalid url value" in output.splitlines()[-1], output


def test_a_network_that_is_not_there_is_one_sentence() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://127.0.0.1:9/mcp")
    assert code == 1
    assert len(output.splitlines()) == 1
    assert "uv run network.py" in output
