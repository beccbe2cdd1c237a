"""What the kept solution of lesson 09 does with a program that fails; its `check.py` tries the rest."""

import subprocess
from pathlib import Path

import pytest
from broken_09 import LESSON

from processes import ROOT, run, serving
from workshop.breaks import edited


@pytest.mark.parametrize("command", ["no-such-program", 'python -c "exit(3)"'])
def test_a_program_that_fails_is_no_traceback(tmp_path: Path, command: str) -> None:
    solved = edited(LESSON, tmp_path)
    patch = ROOT / "solutions" / "09.patch"
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path, check=True, timeout=150)
    with serving(solved, "--command", command) as server:
        code, output = run(solved, "client.py", "--steps", "16", "--url", server.url)
    assert code == 1, output
    assert "Traceback" not in server.output + output
