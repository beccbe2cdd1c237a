"""Ctrl-C ends a script with one line and exit code 130, also while it imports: so this is imported first."""

import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path


def end_at_once(*_: object) -> None:
    """Nothing is under way yet that must be ended in order."""
    os.write(2, b"stopped\n")
    os._exit(130)


def in_order() -> None:
    """From now on Ctrl-C is a KeyboardInterrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def run(play: Coroutine[None, None, int]) -> int:
    """As `asyncio.run`; the exit code is 130 after Ctrl-C."""
    import asyncio  # here, since it takes its time

    try:
        in_order()
        return asyncio.run(play)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, end_at_once)
        print("stopped", file=sys.stderr)
        return 130


script = getattr(sys.modules["__main__"], "__file__", None)
if (
    script and Path(script).resolve().parent == Path(__file__).resolve().parent.parent
):  # not a test, not a worker
    signal.signal(signal.SIGINT, end_at_once)
