"""The file that SQLite keeps: how it is opened, and what is done while another program writes to it."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
AGAIN = 0.02  # seconds until the next try to write


def connect(path: str | Path) -> sqlite3.Connection:
    """A write-ahead log that is not flushed at each commit.

    A commit survives the death of any process. A power cut may undo the last ones, and leaves the file whole.
    """
    before = os.umask(0o077)  # session ids lie in it, and who knows one is in
    try:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
    finally:
        os.umask(before)
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript("BEGIN IMMEDIATE; COMMIT")  # a file that cannot be written to is no use
    database.execute("PRAGMA busy_timeout = 0")  # the loop has others to serve meanwhile: see below
    return database


async def patiently(do: Callable[[], T], patience: float) -> T:
    """Another program may write to the file: try again until it has done so, or patience has run out."""
    until = time.monotonic() + patience
    while True:
        try:
            return do()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        await asyncio.sleep(AGAIN)
