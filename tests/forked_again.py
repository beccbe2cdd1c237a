"""A forked program, and what it starts in turn: `subprocess` and `multiprocessing` both call `fork_exec`.

If that is for a Python program, the process forks, and goes on as that program: what comes from a library
is not imported again. Pipes, groups, sessions and signals are as `fork_exec` makes them.
"""

import _posixsubprocess
import atexit
import contextlib
import fcntl
import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from forked import can_fork

LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
PATH = sys.path[1:]
KEPT: list[object] = []  # what belonged to the program before: its files must not close what is now ours
really: Callable[..., int] = _posixsubprocess.fork_exec


def become(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """The program, as `python program.py`, `python -m program` or `python -c code` runs it."""
    code: object = 0
    try:
        if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for name, module in list(sys.modules.items()):
            if not is_of_a_library(module):
                KEPT.append(sys.modules.pop(name))
        os.environ.clear()
        os.environ.update(environment)
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        sys.modules["__main__"] = there = ModuleType("__main__")
        _, first, *words = command
        if first == "-m":
            sys.argv, sys.path[:] = words, [str(Path.cwd()), *PATH]
            importlib.invalidate_caches()
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
        elif first == "-c":
            sys.argv, sys.path[:] = ["-c", *words[1:]], ["", *PATH]
            importlib.invalidate_caches()
            exec(words[0], there.__dict__)  # noqa: S102
        else:
            program = Path(first).absolute()
            there.__file__ = str(program)
            sys.argv, sys.path[:] = [first, *words], [str(program.parent), *PATH]
            importlib.invalidate_caches()
            exec(compile(program.read_bytes(), program, "exec"), there.__dict__)  # noqa: S102
    except SystemExit as end:
        code = end.code
    except BaseException as error:  # noqa: BLE001 (as the interpreter does)
        traceback.print_exc()
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        code = 1
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    with contextlib.suppress(BrokenPipeError):
        threading._shutdown()  # pyright: ignore
        atexit._run_exitfuncs()  # pyright: ignore
    os._exit(code or 0)


def is_of_a_library(module: ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)
    origin = str(spec and spec.origin)
    return origin in ("built-in", "frozen") or origin.startswith(LIBRARIES)


def fork_exec(
    args: Sequence[str | bytes],
    programs: Sequence[str | bytes],
    close_fds: bool,
    pass_fds: Sequence[int],
    cwd: str | bytes | None,
    env: Sequence[bytes] | None,
    p2cread: int,
    p2cwrite: int,
    c2pread: int,
    c2pwrite: int,
    errread: int,
    errwrite: int,
    told: int,
    tell: int,
    *more: Any,
) -> int:
    command = [os.fsdecode(word) for word in args]
    while command[1:2] == ["-B"]:  # multiprocessing repeats how we were started
        del command[1]
    environment = dict(os.environ)
    if env is not None:
        environment = dict(os.fsdecode(line).split("=", 1) for line in env)
    _, new_session, group = more[:3]
    if not close_fds or not can_fork(command, environment):
        fds = (p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, told, tell)
        return really(args, programs, close_fds, pass_fds, cwd, env, *fds, *more)
    forked: list[int] = []

    def in_a_thread() -> None:
        """A thread has no event loop, no task and no context: the program begins without those of ours."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process_id = os.fork()
        if process_id:
            forked.append(process_id)
            return
        gc.freeze()
        atexit._clear()  # pyright: ignore
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if callable(signal.getsignal(number)):
                signal.signal(number, signal.SIG_DFL)
        taken = [fcntl.fcntl(fd, fcntl.F_DUPFD, 3) if fd >= 0 else fd for fd in (p2cread, c2pwrite, errwrite)]
        for fd, place in zip(taken, range(3), strict=True):
            if fd >= 0:
                os.dup2(fd, place)
        kept = sorted({*pass_fds} - {tell})
        for low, high in zip([2, *kept], [*kept, os.sysconf("SC_OPEN_MAX")], strict=True):
            os.closerange(low + 1, high)
        if new_session:
            os.setsid()
        if group >= 0:
            os.setpgid(0, group)
        if cwd is not None:
            os.chdir(cwd)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)  # what has come meanwhile ends it
        become(command, environment)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return forked[0]


def install() -> None:
    _posixsubprocess.fork_exec = fork_exec
    if hasattr(subprocess, "_fork_exec"):  # has imported it by its name
        subprocess._fork_exec = fork_exec  # pyright: ignore
