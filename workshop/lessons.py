"""The lessons on disk."""

from pathlib import Path

from workshop.stage import BrokenError

ROOT = Path(__file__).parent.parent


def lessons() -> list[Path]:
    there = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))
    if not there:
        raise BrokenError(
            "There are no lessons here: run `uv run workshop` in a checkout of the repository, "
            "where they lie beside the folder workshop/."
        )
    return there


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
