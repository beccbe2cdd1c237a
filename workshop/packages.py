"""The packages that a lesson names for itself, and how to run it with them."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from workshop.stage import BrokenError

BLOCK = re.compile(r"^# /// script\n(.*?)^# ///$", re.MULTILINE | re.DOTALL)


def named(script: Path) -> list[str]:
    """The packages that stand in a script's inline metadata."""
    (block,) = BLOCK.findall(script.read_text(encoding="utf-8"))
    told = tomllib.loads(re.sub(r"^# ?", "", block, flags=re.MULTILINE))
    return [re.split(r"[^\w-]", requirement)[0] for requirement in told["dependencies"]]


def are_here(names: list[str]) -> bool:
    try:
        for name in names:
            distribution(name)
    except PackageNotFoundError:
        return False
    return True


def python_for(lesson: Path) -> tuple[str, ...]:
    """This Python, if it has what the lesson needs; else uv, which fetches it once."""
    if are_here(named(lesson / "server.py")):
        return (sys.executable,)
    return (uv(), "run", "--quiet", "--script")


def prepare(lesson: Path) -> None:
    """Fetch what a lesson needs, for a room without internet."""
    command = [uv(), "sync", "--quiet", "--script", str(lesson / "server.py")]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 (our own scripts)
        raise BrokenError(f"uv could not fetch what lesson {lesson.name[:2]} needs: see above.")


def uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise BrokenError("uv is not to be found: pip install uv")
    return found
