"""Clients that people use have the answer to their call although the worker that held its stream was killed.

Each runs in an environment of its own, which its script asks for; they all run at once, against one server.
"""

import itertools
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
STEPS = 24
HELD = r"worker (\d+)  session (\w+): stream open after (\w+)-\d+"
RESUMED = r"worker \d+  session (\w+): resumed after \w+-[1-9]\d*: \d+ missed"
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
        flags = ("--workers", "3", "--redis", redis.url, "--lease", "0.6")
        server = stack.enter_context(serving(LESSON, *flags))
        ask = (program, "run", "-q", "--script")
        clients = [
            stack.enter_context(speaking(tmp_path, *ask, str(client), server.url, str(STEPS), "0.3"))
            for client in CLIENTS
        ]
        sessions = cut_each(server, len(clients))
        for client in clients:
            client.wait_for(rf"^result .*built in {STEPS} steps")
        assert sessions <= set(re.findall(RESUMED, server.output)), server.output


def cut_each(server: Server, count: int) -> set[str]:
    """The sessions: each has its holders killed once it has its standing stream and its call's."""
    sessions: set[str] = set()
    dead: set[int] = set()
    for opened in itertools.count(1):
        server.wait_for(HELD, times=opened, patience=TO_START)
        holders: dict[str, dict[str, int]] = {}
        for worker, session, stream in re.findall(HELD, server.output):
            holders.setdefault(session, {})[stream] = int(worker)
        for session, streams in holders.items():
            if len(streams) < 2 or session in sessions:
                continue
            sessions.add(session)
            for worker in set(streams.values()) - dead:
                dead.add(worker)
                os.kill(worker, signal.SIGKILL)
        if len(sessions) == count:
            break
    return sessions
