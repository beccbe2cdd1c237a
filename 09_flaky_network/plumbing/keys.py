"""Single keys, as they are pressed, on POSIX and on Windows; none where stdin is no terminal."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def pressed(on_key: Callable[[str], None]) -> Generator[None]:
        if not (sys.stdin and sys.stdin.isatty()):
            yield
            return
        loop, over = asyncio.get_running_loop(), threading.Event()

        def watch() -> None:
            while not over.wait(0.05):  # a console cannot be waited for together with something else
                while msvcrt.kbhit():
                    loop.call_soon_threadsafe(on_key, msvcrt.getwch().lower())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

else:
    import termios
    import tty

    @contextmanager
    def pressed(on_key: Callable[[str], None]) -> Generator[None]:
        if not (sys.stdin and sys.stdin.isatty()):
            yield
            return
        loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal)  # keys come without Enter; Ctrl-C still interrupts

        def read() -> None:
            keys = os.read(terminal, 100)
            if not keys:
                loop.remove_reader(terminal)  # the terminal has gone
            for key in keys.decode(errors="ignore").lower():
                on_key(key)

        loop.add_reader(terminal, read)
        try:
            yield
        finally:
            loop.remove_reader(terminal)
            termios.tcsetattr(terminal, termios.TCSADRAIN, before)
