"""What a client leaves behind for the one that comes after it: enough to speak on in its place.

cursor  the id of the last event that was dealt with; what follows it is asked for again
"""

import os
import tempfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints, ValidationError

HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=500)]


class SessionCache(BaseModel):
    version: Literal[1] = 1
    url: str
    protocol: HeaderValue
    session_id: HeaderValue
    last_event_id: HeaderValue
    call_id: int | None = None  # the JSON-RPC id of the call in flight
    city: str
    began: Annotated[float, Field(allow_inf_nan=False)] = (
        0.0  # when the call was sent, by the clock on the wall
    )
    worked: Annotated[float, Field(allow_inf_nan=False)] = 0.0  # seconds of work that were reported

    def save(self, path: Path) -> None:
        """Atomically, since the process may die at any moment; for our eyes only: who has the id is in."""
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # created with mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self.model_dump_json(indent=1))
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


class UnusableError(Exception):
    """There is a cache, and it does not help."""


def load(path: Path, url: str, city: str | None) -> SessionCache | None:
    try:
        cache = SessionCache.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as mistake:
        if any(error["loc"] == ("version",) for error in mistake.errors()):
            raise UnusableError(f"{path} is of another version of this client") from None
        raise UnusableError(f"{path} is damaged") from None
    if cache.url != url:
        raise UnusableError(f"{path} is of another server, {cache.url}")
    if city not in (None, cache.city):
        raise UnusableError(f"{path} is of a call for {cache.city}, not {city}")
    return cache
