"""Clients that people use have the answer to their call although the worker that held its stream was killed.

Each runs in an environment of its own, which its script asks for.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from processes import Server, serving, speaking

CLIENTS = sorted((Path(__file__).parent / "peers").glob("*.py"))
STEPS = 30
HELD = r"worker (\d+)  session (\w+): stream open after \w+-0"
RESUMED = r"worker (\d+)  session (\w+): resumed after \w+-[1-9]\d*: \d+ missed"


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
    """All at once, on two workers: each that holds a call's stream is killed, and each call is resumed."""
    program = uv()
    with ExitStack() as running:
        redis = running.enter_context(real_redis(tmp_path))
        flags = ("--workers", "2", "--redis", redis.url, "--lease", "0.6")
        server: Server = running.enter_context(serving(LESSON, *flags))
        clients = [
            running.enter_context(
                speaking(
                    tmp_path, program, "run", "-q", "--script", str(client), server.url, str(STEPS), "0.3"
                )
            )
            for client in CLIENTS
        ]
        server.wait_for(HELD, times=2 * len(CLIENTS))  # the standing stream, and the call's
        killed, sessions = map(set, zip(*re.findall(HELD, server.output), strict=True))
        for worker in killed:
            os.kill(int(worker), signal.SIGKILL)
        for client in clients:
            client.wait_for(rf"(?m)^result .*built in {STEPS} steps")
        resumed = {session: worker for worker, session in re.findall(RESUMED, server.output)}
        assert resumed.keys() == sessions, server.output
        assert not set(resumed.values()) & killed
