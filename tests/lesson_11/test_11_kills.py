"""The show: whatever is killed, the client ends with each step once, in order, and the answer."""

import re
import sys
import threading
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from processes import Server, run, serving
from redis_server import RedisServer

QUICK = ("--retry", "50", "--lease", "0.6", "--patience", "1")
BUILD = ("--steps", "16", "--interval", "0.1", "--away", "3", "--patience", "20")
KINDS = ["none", "web", "work", "both", "redis"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")


def client(server: Server, kind: str, *more: str) -> str:
    code, output = run(LESSON, "client.py", "--url", server.url, "--kill", kind, *BUILD, *more)
    assert code == 0, f"{output}\n{server.output}"
    assert "proven    16 of 16 steps came" in output
    return output


def client_away_long_enough(server: Server, kind: str) -> str:
    """Work goes on when a new worker is there, which takes the longer, the busier the machine is."""
    told = 1, ""
    for away in ("3", "8", "25"):
        told = run(
            LESSON, "client.py", "--url", server.url, "--kill", kind, *BUILD, "--away", away, patience=90
        )
        if "raise --away" not in told[1]:
            break
    code, output = told
    assert code == 0, f"{output}\n{server.output}"
    assert "proven    16 of 16 steps came" in output
    return output


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_proven_whatever_is_killed(kind: str, tmp_path: Path) -> None:
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--workers", "2", "--redis", redis.url, *QUICK) as server,
    ):
        if kind == "redis":
            again = threading.Thread(target=start_again, args=(redis,))
            again.start()
            output = client(server, kind, "--redis-pid", str(redis.pid))
            again.join()
        else:
            output = client_away_long_enough(server, kind)
    assert ("killed" in output) == (kind != "none")
    if kind in ("web", "both"):
        assert re.search(r"replayed +\d+ of 16, \w+, by worker \d+, sent while nobody", output), output
        holders = re.findall(r"held by worker (\d+)", output)
        assert holders[0] != holders[-1]


def start_again(redis: RedisServer) -> None:
    redis.wait()
    redis.again()


def test_sqlite_survives_its_only_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The show on a machine that has no Redis, and no uv to get one: it says what it leaves out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("UV", raising=False)
    code, output = run(LESSON, "show.py", "--kill", "redis", "--interval", "0.2")
    assert code == 0, output
    said = output.splitlines()
    assert (
        said[0] == "show    no Redis here, and none to be had: SQLite, and one worker that is started again."
    )
    assert said[1].startswith(
        "show    left out: another worker that takes over at once, and a Redis that dies"
    )
    assert "client  killed    worker" in output
    assert "client  proven    24 of 24 steps came" in output


def test_memory_does_not_and_the_client_says_so() -> None:
    with serving(LESSON, "--storage", "memory", *QUICK) as server:
        code, output = run(LESSON, "client.py", "--url", server.url, "--kill", "web", *BUILD)
    assert code == 1
    assert "failed    404: This session is unknown or has ended" in output


def test_nobody_there_is_one_sentence() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://127.0.0.1:1/mcp")
    assert code == 1
    assert "uv run server.py" in output
    assert len(output.splitlines()) == 1


def test_it_kills_nothing_elsewhere() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://example.com/mcp")
    assert code == 2
    assert "only processes of this machine" in output
