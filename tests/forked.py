"""A Python that has imported what lessons import, once, and forks for each program: a start costs a tenth.

parent   the process that has imported, and runs nothing else; each pytest process has its own
program  a fork of it: a process with its own session, folder, environment, output, `sys.path` and `__main__`

A lesson's own modules are imported by each program afresh. Starts as a user makes them, from nothing, are in
`test_readmes.py`, and wherever `workshop` or a show starts something. Without Linux's pidfd, all are.
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
from functools import cache
from pathlib import Path
from types import ModuleType

HEAVY = (
    *("mcp.client.streamable_http", "mcp.server.mcpserver", "mcp.server.streamable_http_manager"),
    *("uvicorn", "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto"),
    *("starlette.applications", "starlette.middleware.cors"),
    *("docket", "httpx", "httpx2", "httpx_sse", "pydantic", "redis.asyncio"),
    *("rich.console", "rich.live", "rich.table", "rich.text"),
)


class Program:
    """What the tests use of `subprocess.Popen`."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        output, theirs = os.pipe()
        self._told, tells = os.pipe()  # first the process id, and in the end the exit code
        asked = json.dumps([command, str(folder), environment]).encode()
        with LOCK:
            socket.send_fds(parent(), [len(asked).to_bytes(4)], [theirs, tells])
            parent().sendall(asked)
        os.close(theirs)
        os.close(tells)
        self.stdout = os.fdopen(output, encoding="utf-8")
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
ENDS_WITH: list[int] = []  # a program's exit code


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


def can_fork(command: list[str]) -> bool:
    return command[0] == sys.executable and command[1].endswith(".py") and hasattr(os, "pidfd_open")


def main() -> None:
    atexit.register(leave)  # first, and so called last
    asked = socket.socket(fileno=int(sys.argv[1]))
    for name in HEAVY:
        importlib.import_module(name)
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
                for handle in (asked.detach(), told[1], *at_work, *(tells for _, tells in at_work.values())):
                    os.close(handle)
                command, folder, environment = json.loads(text)
                become(command, folder, environment, told[0])
                return
            os.close(told[0])
            os.write(told[1], process_id.to_bytes(4))
            handle = os.pidfd_open(process_id)
            at_work[handle] = process_id, told[1]
            poll.register(handle, select.POLLIN)


def become(command: list[str], folder: str, environment: dict[str, str], output: int) -> None:
    """The program, as `python program.py` runs it."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    program = Path(folder, command[1])
    sys.argv = command[1:]
    sys.path[0] = str(program.parent)
    importlib.invalidate_caches()
    there = sys.modules["__main__"] = ModuleType("__main__")
    there.__file__ = str(program)
    try:
        exec(compile(program.read_bytes(), program, "exec"), there.__dict__)  # noqa: S102
    except SystemExit as end:
        ENDS_WITH.append(end.code if isinstance(end.code, int) else int(end.code is not None))
        raise
    ENDS_WITH.append(0)


def leave() -> None:
    """The last thing that a program does: what the parent has imported need not be taken down."""
    if ENDS_WITH:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ENDS_WITH[0])


if __name__ == "__main__":
    main()
