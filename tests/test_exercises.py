"""Each lesson's check: untouched it fails, a solution that only looks right fails, and a real one passes."""

import shutil
import subprocess
from pathlib import Path

import pytest

from processes import ROOT, run

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/check.py"))
PATIENCE = 150.0


def graded(lesson: Path, folder: Path, patch: str | None = None) -> tuple[int, str]:
    shutil.copytree(
        lesson, folder / lesson.name, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
    )
    if patch:
        solution = ROOT / "solutions" / patch
        subprocess.run(["git", "apply", str(solution)], cwd=folder, check=True, timeout=150)
    return run(folder / lesson.name, "check.py", patience=PATIENCE)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_the_untouched_lesson_is_not_solved(lesson: Path, tmp_path: Path) -> None:
    code, output = graded(lesson, tmp_path)
    assert code == 1, output
    assert "\nhint " in output, output
    assert "Traceback" not in output, output


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_a_solution_that_only_looks_right_is_not_one(lesson: Path, tmp_path: Path) -> None:
    code, output = graded(lesson, tmp_path, f"{lesson.name[:2]}.wrong.patch")
    assert code == 1, output
    assert "\nholds " in output, output
    assert "Traceback" not in output, output


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_the_kept_solution_is_one(lesson: Path, tmp_path: Path) -> None:
    code, output = graded(lesson, tmp_path, f"{lesson.name[:2]}.patch")
    assert code == 0, output
    assert output.splitlines()[-1].startswith("solved "), output
