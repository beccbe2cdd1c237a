"""The official client, unchanged, on lesson 10: several requests at once, and a cut under them."""

import sys
from pathlib import Path

import pytest
from broken_10 import LESSON

from cable import cable
from processes import ROOT, run, serving, speaking

BUSY = """
import asyncio, sys
from mcp.client import Client
async def main(url):
    worked, resumed = asyncio.Event(), asyncio.Event()
    async def progressed(step, total, message):
        print(message, flush=True)
        (resumed if worked.is_set() else worked).set()
    async with Client(url, mode="legacy") as client, asyncio.TaskGroup() as tasks:
        city = {"city": "Oslo"}
        call = tasks.create_task(client.call_tool("get_forecast", city, progress_callback=progressed))
        await resumed.wait()
        while not call.done():
            await client.send_ping()
            assert [tool.name for tool in (await client.list_tools()).tools] == ["get_forecast"]
            print("asked", flush=True)
        print((await call).structured_content["city"])
asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("flags", [(), ("--strict",)])
def test_two_calls_at_once_have_each_its_own_answer(flags: tuple[str, ...]) -> None:
    with serving(LESSON, "--delay", "1.2", "--retry", "100", *flags) as server:
        code, output = run(LESSON, "client.py", "--two-calls", "--url", server.url)
        assert code == 0, output
        assert server.output.count(" begins") == 2, server.output
    assert "proven    each call has its own answer" in output


def test_across_streams_one_call_is_answered_with_the_other_ones_forecast() -> None:
    """What the specification forbids, and why."""
    with serving(LESSON, "--delay", "1.2", "--retry", "100", "--all-streams") as server:
        code, output = run(LESSON, "client.py", "--two-calls", "--url", server.url)
    assert code == 1, output
    assert "failed    a wrong answer: Rome was told of Oslo" in output


def test_two_calls_without_a_server() -> None:
    code, output = run(LESSON, "client.py", "--two-calls", "--url", "http://127.0.0.1:9/mcp")
    assert code == 1
    assert "cannot be reached" in output
    assert "Traceback" not in output


def test_a_resumed_call_does_not_disturb_other_requests(tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY, encoding="utf-8")
    with serving(LESSON, "--delay", "3", "--retry", "100") as server, cable(server.port) as line:
        with speaking(tmp_path, sys.executable, "busy.py", f"http://127.0.0.1:{line.port}/mcp") as client:
            client.wait_for("station 1 of 6")
            line.cut()
            assert client.finish() == 0, client.output
        assert "resumed after" in server.output
    assert client.lines[-1] == "Oslo"
    assert client.lines.count("asked") > 0
    assert [line for line in client.lines if "station" in line] == [f"station {n} of 6" for n in range(1, 7)]


def test_a_client_session_resumes_in_a_new_process(tmp_path: Path) -> None:
    """As the README says: the first process dies with its call in flight, the second has the answer."""
    program, left = str(ROOT / "tests" / "sdk_clients" / "resume.py"), str(tmp_path / "left.json")
    with serving(LESSON, "--delay", "1.2") as server:
        code, output = run(tmp_path, program, server.url, left)
        assert code == 9, output
        code, output = run(tmp_path, program, server.url, left)
        assert code == 0, output
        assert "'city': 'Lisbon'" in output
        server.wait_for("resumed after")
        assert server.output.count(" begins") == 1


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--max-calls", "1"), "There are as many forecasts at work as there may be"),
        (("--max-body", "1"), "failed "),
    ],
)
def test_two_calls_that_are_refused_are_one_sentence(flags: tuple[str, ...], says: str) -> None:
    with serving(LESSON, "--delay", "0.6", *flags) as server:
        code, output = run(LESSON, "client.py", "--two-calls", "--url", server.url)
    assert code == 1, output
    assert says in output
    assert "Traceback" not in output
