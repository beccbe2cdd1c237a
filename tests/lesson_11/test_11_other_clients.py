"""Clients that people use have the answer to their call although the worker that held its stream was killed.

Each runs in an environment of its own, which its script asks for. They all run at once, each against a server
of its own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from processes import Process, Server, serving, speaking

CLIENTS = sorted((Path(__file__).parent / "peers").glob("*.py"))
STEPS = 24
HELD = r"worker (\d+)  session (\w+): stream open after \w+-0"
RESUMED = r"worker (\d+)  session {}: resumed after \w+-[1-9]\d*: \d+ missed"
TO_START = 150.0  # seconds: their packages are large, and a busy machine loads them slowly


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
@pytest.mark.timeout(400)  # four environments may have to be downloaded
def test_they_have_the_answer_over_a_killed_worker(tmp_path: Path) -> None:
    """Each worker that holds a stream of theirs is killed: the call goes on with another worker."""
    program = uv()
    with ExitStack() as stack:
        redis = stack.enter_context(real_redis(tmp_path))
        together = stack.enter_context(ThreadPoolExecutor(len(CLIENTS)))
        playing: list[Future[None]] = []
        for number, script in enumerate(CLIENTS):
            own = redis.url.removesuffix("0") + str(number)  # a database, and workers: no other's are killed
            flags = ("--workers", "2", "--redis", own, "--lease", "0.6")
            server = stack.enter_context(serving(LESSON, *flags))
            command = (program, "run", "-q", "--script", str(script), server.url, str(STEPS), "0.3")
            client = stack.enter_context(speaking(tmp_path, *command))
            playing.append(together.submit(has_the_answer, server, client))
        for played in playing:
            played.result()


def has_the_answer(server: Server, client: Process) -> None:
    server.wait_for(HELD, times=2, patience=TO_START)  # the standing stream, and the call's
    killed, sessions = map(set, zip(*re.findall(HELD, server.output), strict=True))
    for worker in killed:
        os.kill(int(worker), signal.SIGKILL)
    client.wait_for(rf"^result .*built in {STEPS} steps", patience=TO_START)
    (session,) = sessions
    resumed = re.findall(RESUMED.format(session), server.output)
    assert resumed, server.output
    assert not set(resumed) & killed
