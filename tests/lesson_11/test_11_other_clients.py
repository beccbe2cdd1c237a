"""Clients that people use have the answer to their call although the worker that held its stream was killed.

Each runs in an environment of its own, which its script asks for.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from processes import Server, serving, speaking

CLIENTS = sorted((Path(__file__).parent / "peers").glob("*.py"))
STEPS = 24
HELD = r"worker (\d+)  session (\w+): stream open after \w+-0"
RESUMED = r"worker (\d+)  session {}: resumed after \w+-[1-9]\d*: \d+ missed"


def uv() -> str:
    """It makes the environments before the clock of a test runs."""
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        pytest.skip("no uv on the PATH")
    for client in CLIENTS:
        made = subprocess.run([found, "sync", "-q", "--script", client], capture_output=True, text=True)
        if made.returncode:
            pytest.skip(f"{client.name} has no environment: {made.stderr[:200]}")
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")
@pytest.mark.timeout(300)  # four environments may have to be downloaded
def test_they_have_the_answer_over_a_killed_worker(tmp_path: Path) -> None:
    """Each worker that holds a stream of theirs is killed: the call goes on with another worker."""
    program = uv()
    with real_redis(tmp_path) as redis:
        flags = ("--workers", "2", "--redis", redis.url, "--lease", "0.6")
        with serving(LESSON, *flags) as server:
            for client in CLIENTS:
                has_the_answer(server, tmp_path, program, "run", "-q", "--script", str(client))


def has_the_answer(server: Server, folder: Path, *command: str) -> None:
    before = len(re.findall(HELD, server.output))
    with speaking(folder, *command, server.url, str(STEPS), "0.3") as client:
        server.wait_for(HELD, times=before + 2)  # the standing stream, and the call's
        killed, sessions = map(set, zip(*re.findall(HELD, server.output)[before:], strict=True))
        for worker in killed:
            os.kill(int(worker), signal.SIGKILL)
        client.wait_for(rf"^result .*built in {STEPS} steps")
    (session,) = sessions
    resumed = re.findall(RESUMED.format(session), server.output)
    assert resumed, server.output
    assert not set(resumed) & killed
