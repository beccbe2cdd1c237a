"""A Python that has imported what lessons import, once, and forks for each program: a start costs a tenth.

parent   the process that has imported, and runs nothing else; all processes of one pytest share it
program  a fork of it: a process with its own session, folder, environment, output, `sys.path` and `__main__`

What a program starts in turn is forked, too (`forked_again.py`). A lesson's own modules are imported by each
program afresh. Starts as a user makes them, from nothing, are in `test_readmes.py` and `test_standalone.py`.
Without Linux's pidfd, all are.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

HEAVY = (
    *("mcp.client.streamable_http", "mcp.server.mcpserver", "mcp.server.streamable_http_manager"),
    *("uvicorn", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
    *("starlette.applications", "starlette.middleware.cors"),
    *("docket", "httpx", "httpx2", "httpx_sse", "pydantic", "redis.asyncio"),
    *("rich.console", "rich.live", "rich.table", "rich.text"),
)
NO_MATTER = {"PYTHONUNBUFFERED", "PYTHONUTF8"}
OURS = {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}


def can_fork(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """A Python program, and a Python that is to be as ours is."""
    python, first, *_ = *command, ""
    wanted = {name: value for name, value in environment.items() if name.startswith("PYTHON")}
    as_ours = all(wanted.get(name) == OURS.get(name) for name in {*wanted, *OURS} - NO_MATTER)
    its_own = first.endswith(".py") or first in ("-c", "-m")
    return python == sys.executable and its_own and as_ours and hasattr(os, "pidfd_open")


class Program:
    """What the tests use of `subprocess.Popen`; it is on a terminal, if it gets one."""

    def __init__(
        self, command: list[str], folder: Path, environment: dict[str, str], terminal: int | None = None
    ) -> None:
        output, theirs = os.pipe() if terminal is None else (None, terminal)
        self._told, tells = os.pipe()  # first the process id, and in the end the exit code
        asked = json.dumps([command, str(folder), environment]).encode()
        with LOCK:
            socket.send_fds(parent(), [len(asked).to_bytes(4)], [theirs, tells])
            parent().sendall(asked)
        os.close(tells)
        if output is not None:
            os.close(theirs)
        self.stdout = None if output is None else os.fdopen(output, encoding="utf-8")
        self.returncode: int | None = None
        self._lock = threading.Lock()
        self.pid = int.from_bytes(os.read(self._told, 4))
        assert self.pid, "the process that forks has ended"

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                if not select.select([self._told], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
                self.returncode = int.from_bytes(os.read(self._told, 4), signed=True)
                os.close(self._told)
        return self.returncode

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(15)


LOCK = threading.Lock()
PARENT = "WORKSHOP_TESTS_PARENT"  # of all tests: the name of its socket, in their environment


@cache
def parent() -> socket.socket:
    """The socket on which it is asked for a program."""
    if PARENT not in os.environ:
        start()
    ours = socket.socket(socket.AF_UNIX)
    ours.connect(f"\0{os.environ[PARENT]}")
    return ours


def start() -> None:
    """It ends with us."""
    ours, theirs = socket.socketpair()
    name = f"workshop-tests-{os.getpid()}"
    with theirs, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(100)
        handles = [theirs.fileno(), listener.fileno()]
        command = [sys.executable, "-u", __file__, *map(str, handles)]
        running = subprocess.Popen(command, pass_fds=handles, start_new_session=True)
    os.environ[PARENT] = name

    def end() -> None:
        ours.close()
        running.wait()

    atexit.register(end)


def main() -> None:
    from forked_again import install

    lives, listener = (socket.socket(fileno=int(handle)) for handle in sys.argv[1:])
    for name in HEAVY:
        importlib.import_module(name)
    install()
    gc.collect()
    gc.freeze()
    asking: dict[int, socket.socket] = {}
    at_work: dict[int, tuple[int, int]] = {}  # by its pidfd: a program's process id, and whom to tell
    poll = select.poll()
    for end in (lives, listener):
        poll.register(end, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == lives.fileno():
                return
            if ready == listener.fileno():
                asked, _ = listener.accept()
                asking[asked.fileno()] = asked
                poll.register(asked, select.POLLIN)
            elif ready in at_work:
                poll.unregister(ready)
                process_id, tells = at_work.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
                with contextlib.suppress(BrokenPipeError):  # nobody wants to know
                    os.write(tells, code.to_bytes(4, signed=True))
                os.close(ready)
                os.close(tells)
            elif program := forked(asking[ready]):
                at_work[program[0]] = program[1:]
                poll.register(program[0], select.POLLIN)
            else:
                poll.unregister(ready)
                asking.pop(ready).close()


def forked(asked: socket.socket) -> tuple[int, int, int] | None:
    """The program's pidfd, its process id, and where its end is told. None: nobody will ask here again."""
    size, told, *_ = socket.recv_fds(asked, 4, 2)
    if not size:
        return None
    text = asked.recv(int.from_bytes(size), socket.MSG_WAITALL)
    process_id = os.fork()
    if not process_id:
        import fcntl
        import termios

        from forked_again import become

        os.setsid()
        if os.isatty(told[0]):
            fcntl.ioctl(told[0], termios.TIOCSCTTY, 0)
            os.dup2(told[0], 0)
        os.dup2(told[0], 1)
        os.dup2(told[0], 2)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        command, folder, environment = json.loads(text)
        os.chdir(folder)
        become(command, environment)
    os.close(told[0])
    os.write(told[1], process_id.to_bytes(4))
    return os.pidfd_open(process_id), process_id, told[1]


if __name__ == "__main__":
    main()
