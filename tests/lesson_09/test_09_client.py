"""Lesson 09's client on a network that is cut: what it tells apart, and what it proves of each."""

import random
import re
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from broken_09 import LESSON
from network_09 import press

from processes import Process, Server, cuttable, run, serving, speaking

SHORT = ("--steps", "20", "--seconds", "2")
LONG = ("--steps", "80", "--seconds", "8")


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--retry", "20", "--ping", "0.3") as server:
        yield server


QUICK = ("--silence", "8", "--patience", "30", "--longest-wait", "0.2")


def client(network: Server, *flags: str) -> tuple[int, str]:
    return run(LESSON, "client.py", "--url", network.url, *QUICK, *flags)


def building(network: Server, expect: str, *flags: str) -> AbstractContextManager[Process]:
    """The client, which a test listens to, to press what is due when it is due: no clock is compared."""
    command = (sys.executable, "client.py", "--url", network.url, *QUICK, "--expect", expect)
    return speaking(LESSON, *command, *flags)


def steps(word: str, output: str) -> list[int]:
    return [int(step) for step in re.findall(rf"^{word} +(\d+) of", output, re.MULTILINE)]


def cut_ten_times(seed: int, server: Server) -> None:
    """At random: a reset, or half of an event; now for a moment, now for longer."""
    dice = random.Random(seed)  # noqa: S311 (the same each time)
    with cuttable(server.port) as network, building(network, "whole", *LONG) as build:
        for cut in range(1, 11):
            came = len(re.findall("^(?:live|late|replayed) ", build.output, re.MULTILINE))
            build.wait_for("^(live|late|replayed) ", times=came + dice.randrange(1, 4))
            if dice.random() < 0.4:
                press(network, "half")
                build.wait_for("^lost ", times=cut)
            else:
                press(network, "cut")
                build.wait_for("^lost ", times=cut)
                time.sleep(dice.uniform(0.03, 0.2))
                press(network, "restore")
        assert build.finish() == 0, build.output
    came = re.findall(r"^(?:live|late|replayed) +(\d+) of 80", build.output, re.MULTILINE)
    assert list(map(int, came)) == list(range(1, 81))


def test_builds_cut_at_random_ten_times_are_whole(server: Server) -> None:
    """Three at the same time, on networks of their own."""
    with ThreadPoolExecutor(3) as builds:
        for done in [builds.submit(cut_ten_times, seed, server) for seed in (1, 2, 3)]:
            done.result()


def test_a_short_stall_is_waited_for(server: Server) -> None:
    with cuttable(server.port) as network, building(network, "whole", *SHORT) as build:
        build.wait_for("^live +3 of")
        press(network, "stall")
        time.sleep(1)
        press(network, "restore")
        assert build.finish() == 0, build.output
    assert steps("late", build.output), build.output
    assert not re.search("^(lost|silence)", build.output, re.MULTILINE), build.output
    assert "of them late" in build.output


def test_a_long_stall_is_a_dead_connection(server: Server) -> None:
    """Nobody has told the client: it hears neither messages nor pings, and resumes."""
    with cuttable(server.port) as network, building(network, "whole", *LONG, "--silence", "1.5") as build:
        build.wait_for("^live +3 of")
        press(network, "stall")
        build.wait_for("^silence ")
        time.sleep(0.5)  # in which more is sent
        press(network, "cut")
        press(network, "restore")
        assert build.finish() == 0, build.output
    assert "silence   the connection (ReadTimeout)" in build.output
    assert steps("replayed", build.output), build.output


def test_an_outage_longer_than_the_window() -> None:
    with (
        serving(LESSON, "--retry", "20", "--max-age", "0.3") as server,
        cuttable(server.port) as network,
        building(network, "gone", *SHORT) as build,
    ):
        build.wait_for("^live +3 of")
        press(network, "cut")
        build.wait_for("^lost ")
        time.sleep(1)
        press(network, "restore")
        assert build.finish() == 0, build.output
        assert server.output.count("begun") == 1
    assert "refused   410: What came next is no longer kept." in build.output
    gone = re.search(r"^gone +steps (\d+) to (\d+)", build.output, re.MULTILINE)
    assert gone, build.output
    count = int(gone[2]) - int(gone[1]) + 1
    says = rf"proven +the result of the one build, though the messages of {count} steps"
    assert re.search(says, build.output), build.output


def test_an_outage_longer_than_the_build() -> None:
    """The result waits, for whoever has the key."""
    with (
        serving(LESSON, "--retry", "20", "--max-age", "0.3") as server,
        cuttable(server.port) as network,
        building(network, "gone", "--steps", "10", "--seconds", "1") as build,
    ):
        build.wait_for("^live +2 of")
        press(network, "cut")
        server.wait_for("finished")
        time.sleep(0.5)
        press(network, "restore")
        assert build.finish() == 0, build.output
    assert "refused   410" in build.output


def test_a_server_that_has_forgotten_the_session() -> None:
    """Another one has taken its place, as after a restart; what it is asked for it begins afresh."""
    with (
        serving(LESSON, "--retry", "20") as first,
        cuttable(first.port) as network,
        building(network, "afresh", "--steps", "10", "--seconds", "1") as build,
    ):
        build.wait_for("^live +2 of")
        press(network, "cut")
        first.stop()
        with serving(LESSON, "--retry", "20", command=("server.py", "--port", str(first.port))):
            press(network, "restore")
            assert build.finish() == 0, build.output
    assert "refused   404" in build.output
    assert "afresh    the server does not know the build" in build.output
    assert re.search("proven +a fresh start, and a whole build: 10 of 10", build.output)


def test_a_session_that_was_idle_for_too_long_is_not_the_build() -> None:
    """The session has ended, the build has not: its key finds it in a new session."""
    with (
        serving(LESSON, "--retry", "20", "--max-idle", "0.2") as server,
        cuttable(server.port) as network,
        building(network, "gone", "--steps", "10", "--seconds", "1") as build,
    ):
        build.wait_for("^live +2 of")
        press(network, "cut")
        server.wait_for("ended: idle")
        press(network, "restore")
        assert build.finish() == 0, build.output
    assert "refused   404" in build.output
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


def test_backoff_has_a_cap(server: Server) -> None:
    """Else a client is away for minutes after a long outage: the doubled wait would pass the cap at once."""
    with cuttable(server.port, "--script", "0.3 cut") as network:
        code, output = client(network, "--patience", "4", "--longest-wait", "0.3")
    assert code == 1
    waits = [float(wait) for wait in re.findall(r"^waiting +([\d.]+) s", output, re.MULTILINE)]
    assert len(waits) >= 5
    assert max(waits) <= 0.4, output  # the server's 0.02, the cap, and what rounding adds
    assert len(set(waits)) > 1, "never all clients at once"


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
