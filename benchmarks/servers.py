"""The servers that are measured, each a process of its own, spoken to over loopback.

start      a server on a free port; it says which in its first lines
rate       messages a second, from the calls of the tool to the last message at the last listener
resumption from the GET that resumes to the first and the last of the messages that follow its cursor
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path

from wire import EVENT_ID, Listener, Session, ask, connect, receive

HERE = Path(__file__).parent
LESSON = HERE.parent / "07_advanced_stream_resumption"
THIS, SDK = "lesson 07", "SDK server"
EACH, JOINED = "bare uvicorn, one send each", "bare uvicorn, one write"
LISTENING = re.compile(r"http://127\.0\.0\.1:([0-9]+)")


@contextlib.contextmanager
def start(name: str) -> Generator[int]:
    """Run a server, and give its port."""
    if name == THIS:
        # The burst does not wait for its reader, so that the buffer must hold what the socket does not.
        flags, folder = ["server.py", "--port", "0", "--max-events", "200000"], LESSON
    else:
        app = "sdk_server:app" if name == SDK else "bare_server:app"
        flags, folder = ["-m", "uvicorn", app, "--port", "0", "--no-access-log"], HERE
    with running(folder, *flags) as (_, port):
        yield port


@contextlib.contextmanager
def running(folder: Path, *command: str) -> Generator[tuple[int, int]]:
    """A server: its process and its port."""
    with subprocess.Popen(  # noqa: S603 (our own servers)
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        lines = iter(process.stdout or ())
        # Nobody wants to know the rest, but a full pipe would stop the server.
        drain = threading.Thread(target=lambda: deque(lines, maxlen=0))
        try:
            port = port_of(lines)
            pin(process.pid)
            drain.start()
            yield process.pid, port
        finally:
            process.kill()  # asked politely, it would wait for its streams to end
            if drain.ident:
                drain.join()


def port_of(lines: Iterator[str]) -> int:
    said: list[str] = []
    for line in lines:
        said.append(line)
        if found := LISTENING.search(line):
            return int(found[1])
    raise RuntimeError(f"the server ended:\n{''.join(said)}")


def pin(server: int) -> None:
    """One core for the client, one for the servers: else each run depends on where the kernel puts them."""
    if sys.platform == "linux" and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(server, {cores[1]})


def rate(name: str, port: int, listeners: int, count: int) -> float:
    """Messages a second, `count` of them to each listener."""
    sockets = [connect(port) for _ in range(listeners)]
    if name in (EACH, JOINED):
        opened = [Listener(sock) for sock in sockets]
        began = time.perf_counter()
        for sock in sockets:
            ask_bare(name, sock, count)
        seconds = receive(opened, count) - began
    else:
        sessions = [Session(port) for _ in range(listeners)]
        opened = [session.listen(sock) for session, sock in zip(sessions, sockets, strict=True)]
        wait_for_answers(opened)
        callers = [connect(port) for _ in range(listeners)]
        began = time.perf_counter()
        for session, sock in zip(sessions, callers, strict=True):
            session.send_burst(sock, count)
        seconds = receive(opened, count) - began
        for sock in callers:
            sock.close()
        for session in sessions:
            session.end()
    for sock in sockets:
        sock.close()
    return listeners * count / seconds


def wait_for_answers(listeners: list[Listener]) -> None:
    """Until the streams are open: what is sent earlier would be stored, and not sent live."""
    for listener in listeners:
        while b"text/event-stream" not in listener.body():
            listener.chunks.append(listener.read())


def ask_bare(name: str, sock: socket.socket, count: int) -> None:
    ask(sock, "GET", f"/{'each' if name == EACH else 'joined'}?count={count}", {})


class Resumption:
    """A session with a cursor, and so many messages after it."""

    def __init__(self, name: str, port: int, count: int) -> None:
        self.name, self.port, self.count = name, port, count
        if name in (EACH, JOINED):
            return
        # They are received once, so that all are stored: to a server that is no different from missed.
        self.session = Session(port)
        with connect(port) as sock, connect(port) as caller:
            listener = self.session.listen(sock)
            wait_for_answers([listener])
            self.session.send_burst(caller, 1)
            receive([listener], 1)
            self.cursor = EVENT_ID.findall(listener.body())[-1].decode()
            live = Listener(sock)
            with connect(port) as second:
                self.session.send_burst(second, count)
                receive([live], count)

    def measure(self) -> tuple[float, float]:
        """Seconds to the first and to the last message."""
        with connect(self.port) as sock:
            began = time.perf_counter()
            if self.name in (EACH, JOINED):
                listener = Listener(sock)
                ask_bare(self.name, sock, self.count)
            else:
                listener = self.session.listen(sock, self.cursor)
            last = receive([listener], self.count)
            return (listener.first or last) - began, last - began
