"""The show: whatever is killed, the client ends with each step once, in order, and the answer."""

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis

from on_redis.own_server import RedisServer
from processes import Server, run, serving

QUICK = ("--retry", "50", "--lease", "0.6", "--patience", "1")
STEPS = 40  # a build that was late catches up with ten of them at once
BUILD = ("--steps", str(STEPS), "--interval", "0.1", "--away", "3", "--patience", "120")
KINDS = ["none", "web", "work", "both", "redis"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")


def client(server: Server, kind: str, *more: str) -> str:
    code, output = run(LESSON, "client.py", "--url", server.url, "--kill", kind, *BUILD, *more, patience=180)
    assert code == 0, f"{output}\n{server.output}"
    assert f"proven    {STEPS} of {STEPS} steps came" in output
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
            output = client(server, kind)
    assert ("killed" in output) == (kind != "none")
    if kind in ("web", "both"):
        assert re.search(r"replayed +\d+ of \d+, \w+, by worker \d+, sent while nobody", output), output
        holders = re.findall(r"held by worker (\d+)", output)
        assert holders[0] != holders[-1]


def test_it_stays_away_until_something_was_sent(tmp_path: Path) -> None:
    """However long a new worker takes to start: away for no time at all, nothing is missed at first."""
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--workers", "1", "--redis", redis.url, *QUICK) as server,
    ):
        output = client(server, "both", "--away", "0")
    assert "away      once more" in output
    assert re.search(r"replayed +\d+ of \d+, \w+, by worker \d+, sent while nobody", output), output


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
    said = [line for line in output.splitlines() if re.match("refused|afresh|failed", line)]
    assert said == [
        "refused   404: This session is unknown or has ended: initialize a new one.",
        "afresh    a new session, and the build once more",
        "failed    whole, but begun afresh: nothing was resumed",
    ]


def test_what_was_evicted_is_told_and_the_client_takes_what_is_left(tmp_path: Path) -> None:
    """Law 7: a 410 offers a cursor."""
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--workers", "2", "--redis", redis.url, *QUICK, "--max-events", "100") as server,
    ):
        build = ("--steps", "1500", "--interval", "0.002", "--kill-after", "100", "--away", "3")
        code, output = run(LESSON, "client.py", "--url", server.url, "--kill", "web", *build)
    assert code == 1, output
    said = [line for line in output.splitlines() if re.match("refused|afresh|failed", line)]
    assert re.match("refused +410: What came next is no longer kept", said[0]), output
    assert re.match(r"afresh +from \w+-\d+ on; what came before it stays lost", said[1]), output
    assert re.match(r"failed +lost \d+: 10", said[-1]), output


class Forgetful(BaseHTTPRequestHandler):
    """Opens sessions, and knows none of them."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method = asked["method"]
        told = {"error": {"message": "unknown"}} if method == "tools/call" else {}
        if method == "initialize":
            told = {"result": {"protocolVersion": "2025-11-25"}}
        self.send_response(404 if method == "tools/call" else 200)
        self.send_header("mcp-session-id", "1")
        self.send_header("x-worker", "1")
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        pass


def test_it_starts_afresh_once() -> None:
    """Law 7: nobody loops."""
    with HTTPServer(("127.0.0.1", 0), Forgetful) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/mcp"
        code, output = run(LESSON, "client.py", "--url", url, "--kill", "none", "--away", "0")
        server.shutdown()
    assert code == 1
    assert output.count("afresh") == 1, output
    assert output.splitlines()[-1] == "failed    404: unknown"


def test_nobody_there_is_one_sentence() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://127.0.0.1:1/mcp")
    assert code == 1
    assert "uv run server.py" in output
    assert len(output.splitlines()) == 1


def test_it_kills_nothing_elsewhere() -> None:
    code, output = run(LESSON, "client.py", "--url", "http://example.com/mcp")
    assert code == 2
    assert "only processes of this machine" in output
