"""Lesson 08's client proves what it says, and says what it cannot prove."""

import re
import sys
from collections.abc import Generator

import pytest
from broken_08 import LESSON

from processes import Server, run, serving, speaking

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
QUICK = ("--interval", "0.02")


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--retry", "100") as server:
        yield server


def client(server: Server, *flags: str) -> tuple[int, str]:
    return run(LESSON, "client.py", "--url", server.url, *QUICK, *flags)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_it_resumes_and_proves_the_whole(server: Server, mode: str) -> None:
    """With `auto` it asks for 2026-07-28, is refused, and falls back."""
    code, output = client(server, "--mode", mode)
    assert code == 0, output
    for caller in ("ada", "bob", "cyd"):
        cursors = re.findall(rf"^{caller}  GET +Last-Event-ID: (\S+)$", output, re.MULTILINE)
        assert len(cursors) == 2, output
        for cursor in cursors:
            server.wait_for(f"resumed after {cursor}$")
        assert re.search(rf"^ {caller} +20 of 20 +1 +[1-9]\d* +1 +2 +whole", output, re.MULTILINE), output
    missed = re.search(r"^proven .* (\d+) were sent while nobody was connected$", output, re.MULTILINE)
    assert missed, output
    assert int(missed[1]) >= 3


def test_a_second_cut_of_a_call_is_doubled_by_the_sdk_client(server: Server) -> None:
    """`mcp` 2.3 resumes a second time after the id that it resumed after the first time."""
    code, output = client(server, "--cuts", "2", "--callers", "1")
    assert code == 1
    assert "failed    ada: doubled" in output, output


def test_an_uncut_run_proves_nothing(server: Server) -> None:
    code, output = client(server, "--cuts", "0")
    assert code == 1
    assert "failed    ada: whole, but never cut" in output


def test_with_json_response_only_the_standing_stream_is_left() -> None:
    """Uncut; what a cut does, the README shows."""
    with serving(LESSON, "--json-response") as server:
        code, output = client(server, "--callers", "1", "--patience", "8", "--cuts", "0")
    assert code == 1
    assert re.search(r"^ ada +0 of 20 +1 ", output, re.MULTILINE), output
    assert "failed    ada: lost 20" in output


def test_what_is_refused_is_said(server: Server) -> None:
    code, output = client(server, "--callers", "1", "--count", "20000")
    assert code == 1
    assert "refused   count: " in output


@pytest.mark.parametrize(
    "flags", [("--count", "2"), ("--url", "mcp"), ("--url", "http://127.0.0.1:99999/mcp")]
)
def test_flags_that_prove_nothing_are_refused(flags: tuple[str, ...]) -> None:
    code, output = run(LESSON, "client.py", *flags)
    assert code == 2
    assert "Traceback" not in output


def test_a_server_that_is_down_is_one_sentence() -> None:
    with serving(LESSON) as server:
        pass
    code, output = run(LESSON, "client.py", "--url", server.url)
    assert code == 1
    assert len(output.splitlines()) == 1
    assert "uv run server.py" in output


def test_no_proxy_stands_before_loopback(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    code, output = client(server, "--callers", "1")
    assert code == 0, output


@POSIX
def test_ctrl_c_ends_it(server: Server) -> None:
    asked, before = ("--url", server.url, "--interval", "5"), server.output.count("notifications begin")
    with speaking(LESSON, sys.executable, "client.py", *asked) as waiting:
        waiting.wait_for("cyd +session")
        server.wait_for("notifications begin", times=before + 3)
        waiting.ctrl_c()
        assert waiting.finish() == 130  # long before the notifications end
    assert "Traceback" not in waiting.output
