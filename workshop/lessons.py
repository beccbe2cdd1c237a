"""The lessons: in a checkout, or inside of the installed package."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from workshop.stage import BrokenError

CHECKOUT = Path(__file__).parent.parent
PACKAGED = Path(__file__).parent / "packaged"
LESSONS = "[0-9][0-9]_*/server.py"


def in_a_checkout() -> bool:
    return any(CHECKOUT.glob(LESSONS))


@cache
def house() -> Path:
    """The folder of the lessons; without a checkout it is a copy of the packaged ones, for this run."""
    if in_a_checkout():
        return CHECKOUT
    if not any(PACKAGED.glob(LESSONS)):
        raise BrokenError("There are no lessons here: clone the repository, and install it again.")
    copy = Path(tempfile.mkdtemp(prefix="workshop-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(PACKAGED, copy, dirs_exist_ok=True)
    return copy


def lessons() -> list[Path]:
    return sorted(path.parent for path in house().glob(LESSONS))


def find(name: str) -> Path:
    for lesson in lessons():
        if name in (lesson.name, number(lesson), number(lesson).lstrip("0")):
            return lesson
    there = ", ".join(map(number, lessons()))
    raise BrokenError(f"There is no lesson {name!r}. There are: {there}.")


def number(lesson: Path) -> str:
    return lesson.name[:2]


def title(lesson: Path) -> str:
    with (lesson / "README.md").open(encoding="utf-8") as readme:
        return readme.readline().lstrip("# ").rstrip()
