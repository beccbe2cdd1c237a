"""Clients that others wrote have the result of their task over a cut of all their connections."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cable import cable
from node import NODE, install
from processes import PATIENCE, ROOT, serving, speaking

LESSON, HERE = ROOT / "13_tasks", Path(__file__).parent
WORKING = b'"status":"working"'


def over_cuts(folder: Path, *command: str, cuts: int, settled: int) -> str:
    """What a client says whose connections are cut after an answer each, once it polls at its steady pace."""
    with serving(LESSON, "--poll", "700") as server, cable(server.port) as between:
        url = f"http://127.0.0.1:{between.port}/mcp"
        with speaking(folder, *command, url, "14", "0.3") as client:
            for cut in range(settled, settled + cuts):
                until = time.monotonic() + PATIENCE
                while between.carried.count(WORKING) <= cut:
                    assert client.popen.poll() is None, client.output
                    assert time.monotonic() < until, client.output
                    time.sleep(0.02)
                time.sleep(0.1)  # the answer has come, and the next question is not asked yet
                between.cut()
            assert client.finish() == 0, client.output
        assert sum("begins" in line for line in server.lines) == 1, server.output
        return client.output


def test_ext_tasks_on_the_typescript_client(tmp_path: Path) -> None:
    project = install(HERE / "ext_tasks", tmp_path)
    output = over_cuts(project, NODE, "client.mjs", cuts=3, settled=1)
    assert "demo: built in 14 steps" in output, output


@pytest.mark.timeout(400)  # its packages may have to be downloaded
def test_fastmcp_with_fastmcp_tasks(tmp_path: Path) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    if not uv:
        pytest.skip("no uv on the PATH")
    script = str(HERE / "peers" / "fastmcp_client.py")
    made = subprocess.run([uv, "sync", "-q", "--script", script], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"fastmcp has no environment: {made.stderr[:200]}")
    output = over_cuts(
        tmp_path, uv, "run", "-q", "--script", script, cuts=2, settled=7
    )  # its first polls come in quick succession
    assert "demo: built in 14 steps" in output, output
