"""The processes of the server: whenever a signal comes, whatever a client does, all of them end."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis_11 import LESSON
from wire_11 import Client

from processes import PATIENCE, serving, speaking

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")

SMALL = """
import os, signal, socket, sys
sys.path.insert(0, {lesson!r})
from multiprocessing import util
from starting.limits import Settings
from starting.workers import run

async def app(scope, receive, send):
    while True:
        message = await receive()
        await send({{"type": message["type"] + ".complete"}})
        if message["type"] == "lifespan.shutdown":
            return

def create_app(settings):
    return app

def interrupted_spawn(*args):
    pid = spawn(*args)
    if b"resource_tracker" not in b"".join(map(os.fsencode, args[1])):
        os.kill(os.getpid(), {signal})
    return pid

if __name__ == "__main__":
    spawn, util.spawnv_passfds = util.spawnv_passfds, interrupted_spawn
    listener = socket.create_server(("127.0.0.1", 0))
    run(create_app, Settings(), 2, listener, lambda: print("told", flush=True))
    print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_while_a_worker_is_started_is_heard(number: int, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(SMALL.format(lesson=str(LESSON), signal=int(number)))
    with speaking(tmp_path, sys.executable, "small.py") as process:
        assert process.finish() == 0, process.output
        assert process.lines[-1] == "ended"
        assert "Traceback" not in process.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_no_worker_outlives_the_server_for_a_reader_that_is_deaf(number: int) -> None:
    """Whoever could still write to the server's output lives: it ends when the last one has ended."""
    flags = ("--storage", "memory", "--max-events", "100000", "--retry", "10")
    with serving(LESSON, *flags) as server:
        client = Client(server.port)
        with client.build(30_000, 0) as stream:
            stream.read_all()
            start = stream.events[0].id
        with client.listen(start) as deaf:
            deaf.read(1)
            os.kill(server.popen.pid, number)
            assert server.finish() in (0, -signal.SIGKILL)
            assert server.has_ended()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what the kernel keeps")
@pytest.mark.parametrize("killed", [False, True], ids=["alive", "its worker killed"])
def test_a_deaf_reader_keeps_nothing_of_the_kernel(*, killed: bool) -> None:
    """Law 8: its socket, and the megabyte that it does not read, are given back."""
    with serving(LESSON, "--storage", "memory", "--max-events", "100000", "--max-stall", "1") as server:
        client = Client(server.port)
        with client.build(10_000, 0) as stream:
            stream.read_all()
            start, worker = stream.events[0].id, int(stream.response.headers["x-worker"])
        asked = {"host": "localhost", "accept": "text/event-stream", "last-event-id": start} | client.headers
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.connect(("127.0.0.1", server.port))
            lines = ["GET /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in asked.items()), "", ""]
            deaf.sendall("\r\n".join(lines).encode())
            until(lambda: kept(server.port, deaf) > 100_000)
            if killed:
                os.kill(worker, signal.SIGKILL)
            until(lambda: kept(server.port, deaf) == 0)


def kept(port: int, deaf: socket.socket) -> int:
    """What the server's side of a connection has not got rid of, in bytes, the connection counted as one."""
    own = deaf.getsockname()[1]
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    found = [row[4] for row in rows if row[1].endswith(f":{port:04X}") and row[2].endswith(f":{own:04X}")]
    return sum(1 + int(queues.partition(":")[0], 16) for queues in found)


def until(so: Callable[[], bool]) -> None:
    limit = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < limit
        time.sleep(0.05)
