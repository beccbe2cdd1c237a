"""Lesson 11 without one of its mends, in this process."""

import inspect
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")


def broken(kind: type[T], *edits: tuple[str, str]) -> type[T]:
    """The class of a copy of its file, some lines of which are changed; each must be there, once."""
    file = inspect.getfile(kind)
    source = Path(file).read_text(encoding="utf-8")
    for old, new in edits:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {file}"
        source = source.replace(old, new)
    found: dict[str, object] = {"__name__": f"broken.{kind.__module__}"}
    exec(compile(source, file, "exec"), found)  # noqa: S102 (our own file)
    return cast("type[T]", found[kind.__name__])
