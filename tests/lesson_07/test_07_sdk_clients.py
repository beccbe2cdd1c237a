"""Other people's clients, unchanged, lose their connection to lesson 07 and resume by themselves."""

import sys
from pathlib import Path

from broken_07 import LESSON

from cable import cable
from node import NODE, install
from processes import ROOT, Process, serving, speaking

CLIENTS = ROOT / "tests" / "sdk_clients"


def numbers(client: Process) -> list[int]:
    return [int(line.split()[1]) for line in client.lines if line.startswith("number")]


def test_the_python_sdk_resumes(tmp_path: Path) -> None:
    """Once: this client gives up its standing stream at the second cut (facts of `mcp` 2.3)."""
    resumes_after_cuts([sys.executable, str(CLIENTS / "client.py")], tmp_path, cuts=1)


def test_the_typescript_sdk_resumes(tmp_path: Path) -> None:
    resumes_after_cuts([NODE, str(install(CLIENTS, tmp_path) / "client.mjs")], tmp_path, cuts=3)


def resumes_after_cuts(client: list[str], folder: Path, cuts: int) -> None:
    with serving(LESSON, "--retry", "50") as server, cable(server.port) as line:
        with speaking(folder, *client, f"http://127.0.0.1:{line.port}/mcp", "40", "0.05") as program:
            for cut in range(1, cuts + 1):
                program.wait_for(f"number {10 * cut}$")
                line.cut()
                server.wait_for("resumed after", times=cut)
            assert program.finish() == 0, program.output
            assert numbers(program) == list(range(1, 41))
        missed = [
            int(server.wait_for(r"resumed after .*: (\d+) missed", times=cut)[1])
            for cut in range(1, cuts + 1)
        ]
        assert sum(missed) > 0, "nothing was sent while the cable was cut"
