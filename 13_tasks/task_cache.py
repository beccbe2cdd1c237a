"""What a client leaves behind for the one that comes after it: enough to wait on in its place.

call    the client's own name of its call, written down before the call is sent
cursor  how many lines of the log were dealt with; what follows them is read again
"""

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError

MOST_BYTES = 100_000


class TaskCache(BaseModel):
    version: Literal[1] = 1
    url: str
    arguments: dict[str, JsonValue]
    call: str = Field(default_factory=lambda: secrets.token_hex(16))
    task_id: str | None = None  # None: the handle has not come yet
    cursor: int = Field(default=0, ge=0)
    answered: list[str] = []  # keys of questions

    def save(self, path: Path) -> None:
        """Atomically, since the process may die at any moment; for our eyes only: who has the id is in."""
        new = being_written(path)
        new.unlink(missing_ok=True)  # a run that died while it wrote has left it
        try:
            with os.fdopen(
                os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(self.model_dump_json(indent=1))
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise


class UnusableError(Exception):
    """There is a cache, and it does not help."""


def being_written(path: Path) -> Path:
    """One name, so that a death leaves one file at most, and the next run takes it away."""
    return path.with_name(f"{path.name}.new")


def forget(path: Path) -> None:
    for file in (path, being_written(path)):
        file.unlink(missing_ok=True)


def load(path: Path, url: str) -> TaskCache | None:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # to read a pipe would be to wait for who writes
            raise OSError(errno.EINVAL, "it is not a file")
        if found.st_size > MOST_BYTES:
            raise UnusableError(f"{path} is damaged")
        cache = TaskCache.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise UnusableError(f"{path} is damaged, or of another version of this client") from None
    if cache.url != url:
        raise UnusableError(f"{path} is of another server, {cache.url}")
    return cache
