"""The exercises of lessons 08 and 09: unsolved they fail their check, and the kept solution passes it."""

import subprocess
from pathlib import Path

from processes import ROOT, cuttable, run, serving
from workshop.breaks import edited

EIGHTH, NINTH = ROOT / "08_notification_stream", ROOT / "09_flaky_network"
TOOL = """
import time
for part in range(16):
    print("part", part)
    time.sleep(0.25)
"""


def solved_copy(lesson: Path, folder: Path) -> Path:
    patch = lesson / "solution.patch"
    if not patch.exists():
        patch = ROOT / "solutions" / f"{lesson.name[:2]}.patch"
    copy = edited(lesson, folder)
    subprocess.run(["git", "apply", str(patch)], cwd=folder, check=True, timeout=150)
    return copy


def test_what_is_kept_is_bounded_by_age(tmp_path: Path) -> None:
    solved = solved_copy(EIGHTH, tmp_path)
    code, output = run(EIGHTH, "server.py", "--port", "0", "--max-age", "60")
    assert code == 2, output  # unsolved: there is no such flag
    for age, proven in (("0.2", False), ("60", True)):
        with serving(solved, "--max-age", age) as server:
            code, output = run(EIGHTH, "client.py", "--callers", "1", "--url", server.url)
        assert (code == 0) == proven, output
        assert ("\nproven " in output) == proven, output
        assert ("refused with 410" in server.output) != proven, server.output


def test_the_steps_are_lines_of_a_program(tmp_path: Path) -> None:
    solved = solved_copy(NINTH, tmp_path)
    (solved / "my_tool.py").write_text(TOOL, encoding="utf-8")
    command = ("--command", "python -u my_tool.py")
    code, output = run(NINTH, "server.py", "--port", "0", *command)
    assert code == 2, output  # unsolved: there is no such flag
    with (
        serving(solved, *command) as server,
        cuttable(server.port, "--script", "2 cut, 2.4 restore") as network,
    ):
        code, output = run(NINTH, "client.py", "--steps", "16", "--url", network.url)
    assert code == 0, output
    assert "part 15" in output
    assert "\nproven " in output


def test_a_program_that_fails_is_no_traceback(tmp_path: Path) -> None:
    solved = solved_copy(NINTH, tmp_path)
    for command in ("no-such-program", 'python -c "exit(3)"'):
        with serving(solved, "--command", command) as server:
            code, output = run(solved, "client.py", "--steps", "16", "--url", server.url)
        assert code == 1, output
