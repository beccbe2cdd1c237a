"""The README's table: what each client gets when it is cut or killed, comes late, or the server is killed."""

import json
import re
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from wire_13 import TOOL, Wire, numbers, text_of

from processes import PATIENCE, ROOT, Server, run, serving

LESSON = ROOT / "13_tasks"
BOTH = {"accept": "application/json, text/event-stream"}
QUICK = ("--retry", "100", "--poll", "100")
ALL = list(range(1, 7))


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, *QUICK) as server:
        yield server


def client(server: Server, folder: Path, *flags: str) -> tuple[int, str]:
    there = ("--url", server.url, "--cache", str(folder / "cache"))
    return run(LESSON, "client.py", *there, "--interval", "0.15", *flags)


def progress(messages: list[dict[str, Any]]) -> list[int]:
    return [int(message["params"]["progress"]) for message in messages if "params" in message]


class Stream:
    """A call's stream that is read as far as one likes, and then left."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response, self.messages, self.id = response, list[dict[str, Any]](), ""

    def read(self, until: int) -> None:
        """Until so many messages have come, or the stream ends."""
        for line in self.response.iter_lines():
            if line.startswith("id: "):
                self.id = line[4:]
            if line.startswith("data: {"):
                self.messages.append(json.loads(line[6:]))
                if len(self.messages) == until:
                    return


class Session:
    """A client of 2025-11-25, of which nothing is left but its session id and the newest event id."""

    def __init__(self, url: str) -> None:
        self.url, self.headers = url, dict(BOTH)
        who: dict[str, Any] = {"capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        opened = self.post(1, "initialize", protocolVersion="2025-11-25", **who)
        self.headers |= {"mcp-session-id": opened.headers["mcp-session-id"]}
        self.headers |= {"mcp-protocol-version": "2025-11-25"}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        httpx2.post(url, json=ready, headers=self.headers, trust_env=False)

    def post(self, number: int, method: str, **params: Any) -> httpx2.Response:
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return httpx2.post(self.url, json=body, headers=self.headers, timeout=PATIENCE, trust_env=False)

    def call(self, until: int) -> Stream:
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": called()}
        with httpx2.stream("POST", self.url, json=body, headers=self.headers, timeout=PATIENCE) as response:
            stream = Stream(response)
            stream.read(until)
        return stream

    def resumed(self, after: str) -> tuple[int, Stream]:
        headers = self.headers | {"last-event-id": after}
        with httpx2.stream("GET", self.url, headers=headers, timeout=PATIENCE) as response:
            stream = Stream(response)
            stream.read(1000)
            return response.status_code, stream


def called() -> dict[str, Any]:
    arguments = {"steps": 6, "interval": 0.1}
    return {"name": TOOL, "arguments": arguments, "_meta": {"progressToken": 2}}


def without_task(url: str, until: int) -> str:
    """A client of the new era that declares nothing and leaves: the name of the tool's run."""
    plain = Wire(url, declares=False)
    body = plain.request("tools/call", called(), progressToken=2)
    headers = plain.headers("tools/call", called())
    with httpx2.stream("POST", url, json=body, headers=headers, timeout=PATIENCE) as response:
        stream = Stream(response)
        stream.read(until)
    found = re.search("in run ([0-9a-f]{8})", stream.messages[0]["params"]["message"])
    assert found
    return found[1]


def becomes(url: str, run_id: str) -> str:
    wire, until = Wire(url, declares=False), time.monotonic() + PATIENCE
    while True:
        told = wire.ask("resources/read", uri=f"build://runs/{run_id}")["contents"][0]["text"]
        if told != "at work":
            return told
        assert time.monotonic() < until
        time.sleep(0.03)


# its connection is cut


def test_cut_2025_11_25(server: Server, tmp_path: Path) -> None:
    code, output = client(server, tmp_path, "--era", "2025-11-25", "--cut-after", "3")
    assert code == 0, output
    assert "Last-Event-ID" in output
    assert re.search("^proven +lines 1 to 8", output, re.MULTILINE)


def test_cut_without_a_task(server: Server, tmp_path: Path) -> None:
    code, output = client(server, tmp_path, "--without-task", "--cut-after", "3")
    assert code == 1, output
    assert re.search("^lost +the answer", output, re.MULTILINE), output
    assert re.search("^ended .*cancelled after step", output, re.MULTILINE), output


def test_cut_with_a_task(server: Server, tmp_path: Path) -> None:
    code, output = client(server, tmp_path, "--die-at", "never", "--cut-after", "2", "--cut-after", "5")
    assert code == 0, output
    assert output.count("severed ") == 2
    assert re.search("^proven +lines 1 to 8", output, re.MULTILINE)


# it is killed, and another comes


def test_killed_2025_11_25(server: Server) -> None:
    session = Session(server.url)
    before = session.call(until=2)
    status, after = session.resumed(before.id)
    assert status == 200
    assert progress(before.messages) + progress(after.messages) == ALL
    assert after.messages[-1]["result"]["content"][0]["text"] == "demo: built in 6 steps"


def test_killed_without_a_task(server: Server) -> None:
    assert becomes(server.url, without_task(server.url, until=2)) == "cancelled"


def test_killed_with_a_task(server: Server, tmp_path: Path) -> None:
    assert client(server, tmp_path, "--steps", "8")[0] != 0
    code, output = client(server, tmp_path)
    assert code == 0, output
    assert re.search("^proven +lines 1 to 8", output, re.MULTILINE)


# it comes late


def test_late_2025_11_25(server: Server) -> None:
    session = Session(server.url)
    before = session.call(until=1)
    session.resumed(before.id)  # the work is done when this ends
    _, late = session.resumed(before.id)
    assert progress(before.messages) + progress(late.messages) == ALL
    assert "result" in late.messages[-1]


def test_late_without_a_task(server: Server) -> None:
    """What is over has no name either: the answer went to whoever was connected."""
    answered = Wire(server.url, declares=False).call()
    assert "taskId" not in answered


def test_late_with_a_task(server: Server) -> None:
    wire = Wire(server.url)
    task = wire.begin(steps=6)
    wire.until(task, "completed")
    for _ in range(2):
        assert numbers(wire.log(task)) == ALL
        assert text_of(wire.get(task)) == "demo: built in 6 steps"


# the server is killed


def test_the_server_is_killed(tmp_path: Path) -> None:
    flags = (*QUICK, "--store", "sqlite", "--file", str(tmp_path / "tasks.db"))
    with serving(LESSON, *flags) as server:
        session = Session(server.url)
        event_id = session.call(until=1).id
        run_id = without_task(server.url, until=1)
        task = Wire(server.url).begin(steps=6, interval=0.1)
        server.wait_for("begins")
        server.popen.send_signal(signal.SIGKILL)
        server.finish()
    with serving(LESSON, *flags) as server:
        session.url = server.url
        assert session.resumed(event_id)[0] == 404
        wire = Wire(server.url)
        assert wire.refused("resources/read", uri=f"build://runs/{run_id}")["code"] == -32602
        assert text_of(wire.until(task, "completed")) == "demo: built in 6 steps"
        assert numbers(wire.log(task)) == ALL
