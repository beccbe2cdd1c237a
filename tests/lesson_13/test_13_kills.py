"""Clients, servers and both are killed at each moment: one result each, each line once and in order."""

import re
import signal
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis_13 import real_redis
from wire_13 import Wire, numbers, text_of

from processes import ROOT, Process, Server, serving, speaking

if sys.platform == "win32":
    pytest.skip("Windows has no SIGKILL", allow_module_level=True)

LESSON = ROOT / "13_tasks"
STAGES = re.findall(
    r'^    "(\w+)":', (LESSON / "client_side" / "death.py").read_text(encoding="utf-8"), re.MULTILINE
)
NEEDS_A_QUESTION = ("asked", "updated")
LINE = re.compile(r"^(?:live|missed) +(\d+) of ", re.MULTILINE)
TASK = re.compile(r"task (\w+): ")  # a server that is killed may not have come to say that it was kept
KILLS = 10


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def flags(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[list[str]]:
    """Of a server whose tasks outlive it."""
    folder = tmp_path_factory.mktemp("tasks")
    quick = ["--poll", "150", "--lease", "1"]
    if request.param == "sqlite":
        yield [*quick, "--store", "sqlite", "--file", str(folder / "tasks.db")]
        return
    with real_redis(folder) as redis:
        yield [*quick, "--store", "redis", "--redis", redis.url]


def kill(server: Server) -> None:
    server.popen.send_signal(signal.SIGKILL)
    server.finish()


@contextmanager
def started_again(server: Server, flags: list[str]) -> Generator[Server]:
    """On the same port, so that its clients find it."""
    with serving(LESSON, *flags, command=("server.py", "--port", str(server.port))) as again:
        yield again


@contextmanager
def clients(url: str, folder: Path, *, die: bool) -> Generator[dict[str, Process]]:
    """One for each moment to die, all at the same time; or those that come after them."""
    with ExitStack() as running:
        found: dict[str, Process] = {}
        for stage in STAGES:
            command = [sys.executable, "client.py", "--url", url, "--cache", str(folder / stage)]
            build = ["--project", stage, "--steps", "5", "--interval", "0.2"]
            asks = ["--approval"] if stage in NEEDS_A_QUESTION else []
            at = ["--die-at", stage if die else "never"]
            found[stage] = running.enter_context(speaking(LESSON, *command, *build, *asks, *at))
        yield found


def tasks_of(server: Server) -> list[str]:
    return re.findall(r"task (\w+): kept", server.output)


def assert_whole(stage: str, first: Process, second: Process) -> None:
    """Each line once and in order, in both runs together."""
    assert "dying" in first.output, first.output
    before = [int(number) for number in LINE.findall(first.output)]
    after = [int(number) for number in LINE.findall(second.output)]
    assert before + after == list(range(1, 6)), (stage, first.output, second.output)
    assert f"{stage}: built in 5 steps" in second.output, second.output
    assert re.search("^proven ", second.output, re.MULTILINE), second.output


@pytest.mark.parametrize("flags", ["sqlite"], indirect=True)  # on Redis the next test does it
def test_clients_are_killed_at_each_moment(flags: list[str], tmp_path: Path) -> None:
    with serving(LESSON, *flags) as server:
        with clients(server.url, tmp_path, die=True) as first:
            assert all(client.finish() == -signal.SIGKILL for client in first.values())
        with clients(server.url, tmp_path, die=False) as second:
            assert all(client.finish() == 0 for client in second.values())
        for stage in STAGES:
            assert_whole(stage, first[stage], second[stage])
        begun = re.findall(r"task (\w+): begins", server.output)
        assert len(begun) == len(set(begun)) == len(tasks_of(server)) == len(STAGES), server.output


def test_clients_and_the_server_are_killed(flags: list[str], tmp_path: Path) -> None:
    with serving(LESSON, *flags) as server:
        with clients(server.url, tmp_path, die=True) as first:
            for client in first.values():
                client.finish()
        kill(server)
    with started_again(server, flags) as again:
        with clients(again.url, tmp_path, die=False) as second:
            assert all(client.finish() == 0 for client in second.values())
        for stage in STAGES:
            assert_whole(stage, first[stage], second[stage])
        named = {name for output in (server.output, again.output) for name in TASK.findall(output)}
        assert len(named) == len(STAGES), "no call is two tasks"


def test_the_server_is_killed_at_each_of_ten_moments(flags: list[str]) -> None:
    """While ten tasks are at work, each a little further than the next."""
    with serving(LESSON, *flags) as server:
        wire = Wire(server.url)
        steps = {wire.begin(steps=KILLS + more, interval=0.08): KILLS + more for more in range(KILLS)}
        for done in range(1, KILLS + 1):
            while len(wire.log(list(steps)[-1])) < done:
                time.sleep(0.02)
            kill(server)
            server.stop()
            server = Server(LESSON, *flags, command=("server.py", "--port", str(server.port)))
        try:
            for task, many in steps.items():
                assert text_of(wire.until(task, "completed")) == f"demo: built in {many} steps"
                assert numbers(wire.log(task)) == list(range(1, many + 1))
            assert "Traceback" not in server.output
        finally:
            server.stop()
