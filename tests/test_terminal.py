"""What a person types is run where a person sits: on a terminal, narrow and wide, with colour and without.

Ctrl-C at any moment is one line and exit code 130, and leaves no process behind.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from forked import Program, can_fork
from processes import ROOT

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals in Python", allow_module_level=True)

import fcntl
import pty
import signal
import struct
import subprocess
import termios

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))
PLAYED = [lesson for lesson in LESSONS if lesson.name[:2] not in ("12", "14")]  # long galleries
ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3|4|9|10)[0-7][;m]")
GOOD_END = re.compile(r"proven|as it should|gallery|caught|12 lies|each lie", re.IGNORECASE)
PATIENCE = 150.0  # seconds; only what hangs uses them up
WORKSHOP = (sys.executable, "-m", "workshop")


class Terminal:
    """A program on a terminal of so many columns, and what its screen has been sent."""

    def __init__(self, command: Sequence[str], folder: Path, columns: int, **environment: str) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
        self.process = on_a_terminal(
            [*command], folder, plain | {"TERM": "xterm-256color"} | environment, theirs
        )
        os.close(theirs)
        self.ours, self.sent = ours, b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                got = os.read(self.ours, 65536)
            except OSError:  # the last program on it has ended
                return
            if not got:
                return
            self.sent += got

    @property
    def text(self) -> str:
        return self.sent.decode(errors="replace")

    @property
    def lines(self) -> list[str]:
        return ESCAPE.sub("", self.text).replace("\r", "").splitlines()

    def ctrl_c(self) -> None:
        os.write(self.ours, b"\x03")

    def wait_for(self, seen: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not seen() and self.process.poll() is None:
            assert time.monotonic() < until, self.text
            time.sleep(0.02)

    def finish(self) -> int:
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), f"a process is left behind:\n{self.text}"
        return code


def on_a_terminal(
    command: list[str], folder: Path, environment: dict[str, str], theirs: int
) -> subprocess.Popen[bytes] | Program:
    if can_fork(command, environment):
        return Program(command, folder, environment, theirs)
    return subprocess.Popen(
        [sys.executable, "-c", ON_THE_TERMINAL, *command],
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )


# Its own session's terminal, so that Ctrl-C is a key of it.
ON_THE_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # it is ignored if the tests run in the background
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextmanager
def terminal(
    command: Sequence[str], folder: Path = ROOT, columns: int = 80, **environment: str
) -> Generator[Terminal]:
    there = Terminal(command, folder, columns, **environment)
    try:
        yield there
    finally:
        if there.process.poll() is None:
            there.process.send_signal(signal.SIGTERM)
            there.process.wait(PATIENCE)
        os.close(there.ours)


def left_behind(there: Terminal) -> list[str]:
    """Programs of the terminal's session that live on (Linux tells)."""
    session, found = there.process.pid, list[str]()
    if sys.platform != "linux":
        return found
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(status.parent.name)
    return found


@pytest.mark.parametrize("lesson", PLAYED, ids=lambda lesson: lesson.name[:2])
def test_a_lesson_on_a_terminal_of_80_columns(lesson: Path) -> None:
    with terminal((*WORKSHOP, lesson.name[:2])) as there:
        assert there.finish() == 0, there.text
    assert COLOUR.search(there.text), "no colour"
    assert GOOD_END.search("\n".join(there.lines[-12:])), there.text
    assert "Traceback" not in there.text


@pytest.mark.parametrize("lesson", LESSONS[:3], ids=lambda lesson: lesson.name[:2])
def test_a_lesson_on_a_wide_terminal_without_colour(lesson: Path) -> None:
    with terminal((*WORKSHOP, lesson.name[:2]), columns=120, NO_COLOR="1") as there:
        assert there.finish() == 0, there.text
    assert not COLOUR.search(there.text)
    assert GOOD_END.search("\n".join(there.lines[-12:])), there.text


SHOWS = {"09": ("--longest-wait", "0.1"), "10": ("--delay", "1.2"), "11": ("--interval", "0.1")}


@pytest.mark.parametrize("lesson", SHOWS)
def test_a_show_on_a_terminal(lesson: str) -> None:
    """Typed by itself: nobody stands between it and the screen."""
    (folder,) = (path for path in LESSONS if path.name.startswith(lesson))
    with terminal((sys.executable, "show.py", *SHOWS[lesson]), folder) as there:
        assert there.finish() == 0, there.text
    assert COLOUR.search(there.text), "no colour"
    assert GOOD_END.search("\n".join(there.lines[-12:])), there.text
    assert "Traceback" not in there.text


TEN = [(LESSONS[0], lines) for lines in range(1, 11)]
OTHERS = [(lesson, lines) for lesson in LESSONS[1:] for lines in ((1, 8) if lesson in PLAYED else (1,))]


@pytest.mark.parametrize(
    ("lesson", "lines"), TEN + OTHERS, ids=lambda part: getattr(part, "name", str(part))[:2]
)
def test_ctrl_c_at_any_moment(lesson: Path, lines: int) -> None:
    """Ten moments of one lesson; the others' programs are started and heard by the same stage."""
    with terminal((*WORKSHOP, lesson.name[:2])) as there:
        there.wait_for(lambda: len(there.lines) >= lines)
        interrupted(there)


def test_ctrl_c_while_it_imports() -> None:
    with terminal((sys.executable, "-X", "importtime", "-m", "workshop", "07")) as there:
        there.wait_for(lambda: "workshop.ctrl_c\r" in there.text)
        interrupted(there)


NAMES = ("server.py", "client.py", "show.py", "check.py", "network.py")
SCRIPTS = [lesson / name for lesson in LESSONS for name in NAMES if (lesson / name).exists()]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name[:2]}-{path.stem}")
def test_ctrl_c_while_a_script_imports(script: Path, tmp_path: Path) -> None:
    """Stand-ins for the libraries take for ever to be imported."""
    for library in ("httpx", "httpx2", "mcp", "pydantic", "rich", "starlette", "uvicorn"):
        endless = "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
        (tmp_path / f"{library}.py").write_text(endless, encoding="utf-8")
    with terminal((sys.executable, script.name), script.parent, PYTHONPATH=str(tmp_path)) as there:
        there.wait_for(lambda: "importing\r\n" in there.text)
        interrupted(there)


def interrupted(there: Terminal) -> None:
    there.ctrl_c()
    assert there.finish() == 130, there.text
    assert re.fullmatch(r"(\^C)?(workshop )?stopped", there.lines[-1]), there.text
    assert "Traceback" not in there.text
    assert "Error" not in there.text.partition("^C")[2], there.text
    assert not left_behind(there)


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("break", "07"), ("07", "--no-resume"), ("--all", "07"), ("99",)], ids=" ".join
)
def test_what_is_typed_beside_a_lesson(words: tuple[str, ...]) -> None:
    with terminal((*WORKSHOP, *words)) as there:
        code = there.finish()
    assert "Traceback" not in there.text
    if code == 0:
        assert all(len(line) <= 80 for line in there.lines), there.text
    assert code == {"--no-resume": 2, "07": code and 2, "99": 1}.get((words or ("",))[-1], 0), there.text
