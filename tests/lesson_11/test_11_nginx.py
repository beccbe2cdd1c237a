"""Behind a real nginx, with the lesson's configuration and no sticky sessions."""

import shutil
import socket
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis
from wire_11 import Client, whole

from processes import run, serving, speaking, wait_until_open

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/bin:/opt/homebrew/bin:/usr/bin")
QUICK = ("--retry", "50", "--lease", "0.6")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")
def test_any_worker_serves_any_request_through_nginx(tmp_path: Path) -> None:
    assert NGINX
    with (
        real_redis(tmp_path) as redis,
        serving(LESSON, "--redis", redis.url, *QUICK) as one,
        serving(LESSON, "--redis", redis.url, *QUICK) as two,
    ):
        port = free_port()
        shown = (LESSON / "nginx.conf").read_text(encoding="utf-8")
        for told, here in (("8080", port), ("8001", one.port), ("8002", two.port)):
            assert f"127.0.0.1:{told}" in shown
            shown = shown.replace(f"127.0.0.1:{told}", f"127.0.0.1:{here}")
        (tmp_path / "nginx.conf").write_text(shown, encoding="utf-8")
        command = (NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", "nginx.conf")
        with speaking(tmp_path, *command):
            wait_until_open(port)
            client = Client(port)
            with client.build(40, 0.02) as stream:
                stream.read_all()
                whole(stream.messages, 40)
            workers = set[str]()
            for _ in range(10):
                with client.post("ping", {}) as answered:
                    assert answered.status == 200
                    workers.add(answered.response.headers["x-worker"])
            assert len(workers) == 2, "no sticky sessions"
            url = f"http://127.0.0.1:{port}/mcp"
            flags = ("--steps", "16", "--interval", "0.1", "--away", "6")
            code, output = run(LESSON, "client.py", "--url", url, "--kill", "both", *flags)
            assert code == 0, output
