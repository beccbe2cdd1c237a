"""Other people's clients, unchanged, against lesson 08, by the commands that its README gives."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from broken_08 import LESSON
from test_08_readme import README

from cable import cable
from node import NODE, install
from processes import ROOT, serving, speaking


def command_of(beginning: str) -> str:
    """The command in the README that begins so."""
    return next(line for line in README.splitlines() if line.startswith(beginning))


def test_the_typescript_sdk_resumes(tmp_path: Path) -> None:
    """Cut three times, and has the whole, on both kinds of stream."""
    client = install(LESSON, tmp_path) / "client.mjs"
    command = shlex.split(command_of("node client.mjs"))
    with serving(LESSON, "--retry", "50") as server, cable(server.port) as line:
        url = f"http://127.0.0.1:{line.port}/mcp"
        with speaking(tmp_path, NODE, str(client), url, *command[3:]) as program:
            for cut in range(1, 4):
                program.wait_for(f"call {10 * cut} of 40$")
                line.cut()
                server.wait_for("resumed after", times=2 * cut)
            assert program.finish() == 0, program.output
    assert [text for text in program.lines if text.startswith("call")] == [
        f"call {number} of 40" for number in range(1, 41)
    ]
    assert sorted(program.lines[-2:]) == [
        "answer 40 notifications were sent for client.mjs.",
        "standing 40 of 40",
    ]


def test_the_inspector(tmp_path: Path) -> None:
    folder = install(ROOT / "tests" / "inspector", tmp_path)
    inspector = str(folder / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "launcher")
    command = shlex.split(command_of("npx @modelcontextprotocol/inspector"))[2:]
    with serving(LESSON) as server:
        words = [server.url if word.startswith("http") else word for word in command]
        code, said = inspect(inspector, words, tmp_path)
        assert (code, said["isError"]) == (0, False)
        assert said["content"][0]["text"].startswith("5 notifications were sent for ")
        wrong = [word.replace("interval=0.1", "interval=-1") for word in words]
        code, said = inspect(inspector, wrong, tmp_path)
        assert (code != 0, said["isError"]) == (True, True)
        assert said["content"][0]["text"].startswith("interval: ")


def inspect(inspector: str, words: list[str], folder: Path) -> tuple[int, dict[str, Any]]:
    told = subprocess.run(
        [NODE, f"{inspector}/build/index.js", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=150,
    )
    return told.returncode, json.loads(told.stdout)
