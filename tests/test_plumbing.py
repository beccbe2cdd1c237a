"""What two lessons share is the same file in both, and a lesson's plumbing knows nothing of the lesson."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from processes import ROOT

PLUMBING = sorted(ROOT.glob("[0-9][0-9]_*/plumbing/*.py"))


def test_same_name_same_bytes() -> None:
    copies: defaultdict[str, list[Path]] = defaultdict(list)
    for path in [*PLUMBING, ROOT / "workshop" / "stage.py"]:
        copies[path.name].append(path)
    assert "door.py" in copies
    for name, paths in copies.items():
        first = paths[0].read_bytes()
        assert all(path.read_bytes() == first for path in paths), f"{name} differs: {paths}"


@pytest.mark.parametrize("path", PLUMBING, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_plumbing_imports_nothing_from_its_lesson(path: Path) -> None:
    own = {file.stem for file in path.parent.parent.glob("*.py")}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] not in own, f"{name} is the lesson's"
            if name.startswith("plumbing."):
                assert (path.parent / f"{name.partition('.')[2]}.py").exists(), f"{name} is not here"
