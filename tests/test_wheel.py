"""Who installs the package without the checkout has the lessons and the checkers, from any folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from processes import ROOT, serving
from workshop.packages import uv

PATIENCE = 140.0  # seconds; only what hangs uses them up


def asked(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    home = {} if folder == ROOT else {"HOME": str(folder), "USERPROFILE": str(folder)}
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | home,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        encoding="utf-8",
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
def test_a_lesson_runs_from_an_empty_folder(programs: Path, tmp_path: Path) -> None:
    told = asked(tmp_path, programs / "workshop", "07", "--", "--interval", "0.05", "--away", "0.25")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "client  proven" in told.stdout
    assert "check 07" in asked(tmp_path, programs / "workshop", "next").stdout


def test_all_lessons_are_in_it(programs: Path, tmp_path: Path) -> None:
    listed = asked(tmp_path, programs / "workshop").stdout
    for readme in ROOT.glob("[0-9][0-9]_*/README.md"):
        assert f"\n{readme.parent.name[:2]}  " in f"\n{listed}", listed


def test_an_exercise_is_for_a_checkout(programs: Path, tmp_path: Path) -> None:
    told = asked(tmp_path, programs / "workshop", "check", "07")
    assert told.returncode == 1
    assert "The exercises are for a checkout" in told.stdout, told.stdout + told.stderr
    assert len(told.stdout.splitlines()) == 1, told.stdout


def test_the_checker_of_servers_is_a_program(programs: Path, tmp_path: Path) -> None:
    with serving(ROOT / "07_advanced_stream_resumption") as server:
        told = asked(tmp_path, programs / "prove-mcp-server", server.url)
    assert re.search("^could serve send_burst", told.stdout, re.MULTILINE), told.stdout + told.stderr
    assert f"prove-mcp-server {server.url} --tool send_burst" in told.stdout, told.stdout


def test_the_judge_of_clients_is_a_program(programs: Path, tmp_path: Path) -> None:
    client = (sys.executable, ROOT / "14_prove_your_client" / "client.py", "--url", "{url}")
    told = asked(tmp_path, programs / "prove-mcp-client", "--case", "a-reset", "--", *client)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search("a reset +.*holds", told.stdout), told.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the action's steps are for bash")
def test_the_action_runs_the_checkers(tmp_path: Path) -> None:
    """Its last step, as the runner starts it; what the runner itself does cannot be tried here."""
    step = (ROOT / "action.yml").read_text(encoding="utf-8").rpartition("run: |\n")[2]
    client = f"{sys.executable} {ROOT / '14_prove_your_client' / 'client.py'} --url {{url}}"
    flags = {"FLAGS": "--case a-reset", "CLIENT": client, "SERVER": "", "GITHUB_ACTION_PATH": str(ROOT)}
    ran = subprocess.run(
        ["bash", "-e", "-c", step],
        cwd=tmp_path,
        env=os.environ | flags,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        encoding="utf-8",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"prove-mcp-client.xml", "prove-mcp-client.html"}


def test_the_server_of_lesson_08_is_a_program(programs: Path, tmp_path: Path) -> None:
    told = asked(tmp_path, programs / "mcp-simple-streamablehttp", "--help")
    assert told.stdout.startswith("usage: mcp-simple-streamablehttp"), told.stdout + told.stderr
