"""Lessons run as a user runs them: real processes, free ports, their output read as it comes."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from forked import Program, can_fork

ROOT = Path(__file__).parent.parent
PATIENCE = 150.0  # seconds; long, since it is only ever used up by a failure, and machines are busy


def started(command: list[str], folder: Path) -> subprocess.Popen[str] | Program:
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    if can_fork(command, environment):
        return Program(command, folder, environment)
    return subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=environment,
        start_new_session=True,  # so that Ctrl-C can be meant for it and its children only
    )


class Process:
    """A process of ours, and the lines that it has written so far."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self.popen = started(command, folder)
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout
        for line in self.popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, times: int = 1, patience: float = PATIENCE) -> re.Match[str]:
        """The match in the line that makes it so many; waits until it is written."""
        deadline = time.monotonic() + patience
        with self._changed:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= times:
                    return found[times - 1]
                assert self.popen.poll() is None, f"ended before it wrote {pattern!r}:\n{self.output}"
                assert time.monotonic() < deadline, f"never wrote {pattern!r}:\n{self.output}"
                self._changed.wait(0.1)

    def finish(self, patience: float = PATIENCE) -> int:
        """Wait for the end, and give the exit code."""
        code = self.popen.wait(patience)
        self._reader.join(PATIENCE)
        return code

    def has_ended(self) -> bool:
        """Its output has: nobody is left who could write to it, no child of its either."""
        self._reader.join(PATIENCE)
        return not self._reader.is_alive()

    def ctrl_c(self) -> None:
        """What a terminal does: the whole group of processes is interrupted."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def stop(self) -> None:
        self.popen.terminate()
        self.finish()
        assert self.popen.stdout
        self.popen.stdout.close()


class Server(Process):
    """A lesson's server on a free port, or lesson 09's network."""

    def __init__(
        self, folder: Path, *flags: str, command: tuple[str, ...] = ("server.py", "--port", "0")
    ) -> None:
        super().__init__([sys.executable, *command, *flags], folder)
        try:
            self.url = self.wait_for(r"listening on (http://\S+)")[1]
        except AssertionError:
            self.stop()
            raise
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])


def wait_until_open(port: int) -> None:
    """For servers that say where they listen before they do."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on port {port}")


NETWORK = ("network.py", "--listen", "0", "--page", "0", "--to")


def cuttable(port: int, *flags: str) -> AbstractContextManager[Server]:
    """Lesson 09's network, which leads to a server's port."""
    return serving(ROOT / "09_flaky_network", *flags, command=(*NETWORK, str(port)))


@contextmanager
def serving(
    folder: Path, *flags: str, command: tuple[str, ...] = ("server.py", "--port", "0")
) -> Generator[Server]:
    """A server while the test needs it. That it never shows a traceback is part of each test (law 9)."""
    server = Server(folder, *flags, command=command)
    try:
        yield server
    finally:
        server.stop()
    assert "Traceback" not in server.output, server.output


@contextmanager
def speaking(folder: Path, *command: str) -> Generator[Process]:
    """A program while the test listens to it."""
    process = Process(list(command), folder)
    try:
        yield process
    finally:
        process.stop()


def run(folder: Path, *arguments: str, patience: float = PATIENCE) -> tuple[int, str]:
    """A Python program from start to end: its exit code, and what it wrote."""
    with speaking(folder, sys.executable, *arguments) as process:
        return process.finish(patience), process.output
