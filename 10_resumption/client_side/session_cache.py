"""What a client leaves behind for the one that comes after it: enough to speak on in its place.

cursor  the id of the last event that was dealt with; what follows it is asked for again
"""

import errno
import os
import stat
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

MOST_BYTES = 100_000
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=500)]


class SessionCache(BaseModel):
    version: Literal[1] = 1
    url: str
    protocol: HeaderValue
    session_id: HeaderValue
    last_event_id: HeaderValue | None = None
    call_id: int | None = None  # the JSON-RPC id of the call in flight
    city: str
    began: Annotated[float, Field(allow_inf_nan=False)] = (
        0.0  # when the call was sent, by the clock on the wall
    )
    worked: Annotated[float, Field(allow_inf_nan=False)] = 0.0  # seconds of work that were reported

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


def load(path: Path, url: str) -> SessionCache | None:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # to read a pipe would be to wait for who writes
            raise OSError(errno.EINVAL, "it is not a file")
        if found.st_size > MOST_BYTES:
            raise UnusableError(f"{path} is damaged")
        cache = SessionCache.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as mistake:
        if any(error["loc"] == ("version",) for error in mistake.errors()):
            raise UnusableError(f"{path} is of another version of this client") from None
        raise UnusableError(f"{path} is damaged") from None
    if cache.url != url:
        raise UnusableError(f"{path} is of another server, {cache.url}")
    return cache
