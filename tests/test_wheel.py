"""Who installs the package without the checkout has no lessons, and is told so."""

import subprocess
import sys
from pathlib import Path

import pytest

from processes import ROOT
from workshop.packages import uv

PATIENCE = 140.0  # seconds; only what hangs uses them up


def asked(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False, encoding="utf-8"
    )


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel's commands lie, in an environment that has nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = folder / "environment"
    python = environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    for command in (
        (uv(), "build", "--wheel", "--out-dir", folder / "wheels", ROOT),
        (uv(), "venv", "--python", sys.executable, environment),
        (uv(), "pip", "install", "--python", python, "--find-links", folder / "wheels", "workshop==0.1.0"),
    ):
        done = asked(ROOT, *command)
        if done.returncode and command[1] == "build" and "ailed to fetch" in done.stderr:
            pytest.skip("uv has no build backend, and no internet to fetch one")
        assert done.returncode == 0, done.stderr
    return python.parent


@pytest.mark.timeout(3 * PATIENCE)
@pytest.mark.parametrize(
    "command", ["workshop 07", "workshop", "workshop break 07", "mcp-simple-streamablehttp"]
)
def test_without_lessons_it_says_where_they_are(command: str, programs: Path, tmp_path: Path) -> None:
    name, *words = command.split()
    told = asked(tmp_path, programs / name, *words)
    output = told.stdout + told.stderr
    assert told.returncode == 1, output
    assert "There are no lessons here: run `uv run workshop` in a checkout of the repository" in output, (
        output
    )
    assert len(output.strip().splitlines()) == 1, output
