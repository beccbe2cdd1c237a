"""A Python that has imported what lessons import, once, and forks for each program: a start costs a tenth.

parent   the process that has imported, and runs nothing else; each pytest process has its own
program  a fork of it: a process with its own session, folder, environment, output, `sys.path` and `__main__`

What a program starts in turn is forked, too (`forked_again.py`). A lesson's own modules are imported by each
program afresh. Starts as a user makes them, from nothing, are in `test_readmes.py` and `test_standalone.py`.
Without Linux's pidfd, all are.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import socket
import subprocess
import sys
import termios
import threading
from functools import cache
from pathlib import Path

from forked_again import become, install

HEAVY = (
    *("mcp.client.streamable_http", "mcp.server.mcpserver", "mcp.server.streamable_http_manager"),
    *("uvicorn", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
    *("starlette.applications", "starlette.middleware.cors"),
    *("docket", "httpx", "httpx2", "httpx_sse", "pydantic", "redis.asyncio"),
    *("rich.console", "rich.live", "rich.table", "rich.text"),
)


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


@cache
def parent() -> socket.socket:
    """The socket on which it is asked for a program; it ends with us."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-u", __file__, str(theirs.fileno())]
        running = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)

    def end() -> None:
        ours.close()
        running.wait()

    atexit.register(end)
    return ours


def main() -> None:
    asked = socket.socket(fileno=int(sys.argv[1]))
    for name in HEAVY:
        importlib.import_module(name)
    install()
    gc.collect()
    gc.freeze()
    at_work: dict[int, tuple[int, int]] = {}  # by its pidfd: a program's process id, and whom to tell
    poll = select.poll()
    poll.register(asked, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready != asked.fileno():
                poll.unregister(ready)
                process_id, tells = at_work.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1])
                with contextlib.suppress(BrokenPipeError):  # nobody wants to know
                    os.write(tells, code.to_bytes(4, signed=True))
                os.close(ready)
                os.close(tells)
                continue
            size, told, *_ = socket.recv_fds(asked, 4, 2)
            if not size:
                return
            text = asked.recv(int.from_bytes(size), socket.MSG_WAITALL)
            process_id = os.fork()
            if not process_id:
                command, folder, environment = json.loads(text)
                os.setsid()
                if os.isatty(told[0]):
                    fcntl.ioctl(told[0], termios.TIOCSCTTY, 0)
                    os.dup2(told[0], 0)
                os.dup2(told[0], 1)
                os.dup2(told[0], 2)
                os.closerange(3, os.sysconf("SC_OPEN_MAX"))
                os.chdir(folder)
                become(command, environment)
            os.close(told[0])
            os.write(told[1], process_id.to_bytes(4))
            handle = os.pidfd_open(process_id)
            at_work[handle] = process_id, told[1]
            poll.register(handle, select.POLLIN)


if __name__ == "__main__":
    main()
