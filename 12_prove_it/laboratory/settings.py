"""`prove.toml`: what one would otherwise type again. What is typed goes before what stands there."""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from laboratory.tools import Arguments

NAME = "prove.toml"


class UnreadableError(Exception):
    """It cannot be read, and why."""


class Settings(BaseModel):
    """Named like the flags, with `_` for `-`."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    tool: str | None = None
    args: Arguments | None = None
    fast_args: Arguments | None = None
    long_args: Arguments | None = None
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    protocol: str | None = None
    time_limit: PositiveFloat | None = None
    patience: PositiveFloat | None = None
    quiet: PositiveFloat | None = None
    flood: PositiveInt | None = None
    strict: bool | None = None
    insecure: bool | None = None
    i_own_this_server: bool | None = None
    cacert: Path | None = None
    json_: Path | None = Field(default=None, alias="json")
    junit: Path | None = None
    html: Path | None = None
    badge: Path | None = None


def settings(path: Path) -> dict[str, object]:
    """What stands in it, by the names of the flags; paths are seen from its folder."""
    try:
        read = Settings.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise UnreadableError(f"{path}: {error.strerror}") from None
    except ValidationError as mistake:
        where = ".".join(map(str, mistake.errors()[0]["loc"]))
        raise UnreadableError(f"{path}: {where}: {mistake.errors()[0]['msg']}.") from None
    except ValueError as mistake:
        raise UnreadableError(f"{path}: {mistake}") from None
    found: dict[str, object] = {}
    for name in read.model_fields_set:
        value: object = getattr(read, name)
        found[name.rstrip("_")] = path.parent / value if isinstance(value, Path) else value
    headers = found.pop("headers", None)
    return found | ({"header": list(read.headers.items())} if headers else {})
