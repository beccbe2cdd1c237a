"""The checker against lesson 07, and against servers with which there is nothing to prove."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from processes import ROOT, run, serving

LESSON = ROOT / "12_prove_it"
SLOW, FAST = '{"count": 8, "interval": 0.05}', '{"count": 400, "interval": 0.002}'
COUNT = ("--args", SLOW, "--fast-args", FAST)
QUICK = ("--quiet", "0.6", "--patience", "10")
# A lesson, its server's flags, how its tool is asked, and which questions do not apply: POSTs of lesson 07
# have no streams, its messages and those of 08 carry no text of the caller's, and 10's tool is quick.
FOREIGN_TEXT = "large and foreign text is whole"
STANDING_ONLY = {
    FOREIGN_TEXT,
    "a priming event comes first",
    "streams are kept apart",
    "a live stream ends",
    "a resumed stream ends",
}
BURST_FLAGS, BURST = ("--retry", "50", "--max-events", "1500"), ("--tool", "send_burst", *COUNT)
FORECAST_FLAGS = ("--retry", "50", "--delay", "0.4", "--max-events", "50")
FORECAST = ("--tool", "get_forecast", "--args", '{"city": "Oslo"}')
NOTIFY = ("--tool", "start-notification-stream")
NOTIFY_SLOW = ("--args", '{"interval": 0.05, "count": 8, "caller": "me"}')
NOTIFY_FAST = ("--fast-args", '{"interval": 0.002, "count": 400, "caller": "me"}')
SLOW_BUILD, FAST_BUILD = '{"steps": 8, "seconds": 0.4}', '{"steps": 200, "seconds": 0.8}'
BUILD = ("--tool", "build_project", "--args", SLOW_BUILD, "--fast-args", FAST_BUILD)
LESSONS = [
    ("07_advanced_stream_resumption", BURST_FLAGS, BURST, STANDING_ONLY),
    ("08_notification_stream", BURST_FLAGS, (*NOTIFY, *NOTIFY_SLOW, *NOTIFY_FAST), {FOREIGN_TEXT}),
    ("09_flaky_network", BURST_FLAGS, BUILD, set[str]()),
    ("10_resumption", FORECAST_FLAGS, FORECAST, {"it runs on for seconds"}),
]

STATELESS = """
from mcp.server.mcpserver import MCPServer
import uvicorn, sys
server = MCPServer("stateless", log_level="ERROR")
app = server.streamable_http_app(stateless_http=True)
"""
ONLY_2026 = """
from mcp.server.mcpserver import MCPServer
import uvicorn, sys
inner = MCPServer("modern", log_level="ERROR").streamable_http_app()
async def app(scope, receive, send):
    if scope["type"] == "http" and (b"mcp-protocol-version", b"2026-07-28") not in scope["headers"]:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
    else:
        await inner(scope, receive, send)
"""
MUTE = """
from mcp.server.mcpserver import MCPServer
import uvicorn, sys
server = MCPServer("mute", log_level="ERROR")
@server.tool()
def mute() -> str:
    return "done"
app = server.streamable_http_app()
"""
NOT_MCP = """
import uvicorn, sys
from starlette.applications import Starlette
app = Starlette()
"""
LIAR = """
import sys
sys.path.insert(0, LESSON)
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from liar.lies import Lie
from server import Endpoint
class Config(uvicorn.Config):
    def __init__(self, *args, **more):
        super().__init__(*args, ssl_certfile=FOLDER + "/cert.pem", ssl_keyfile=FOLDER + "/key.pem", **more)
uvicorn.Config = Config
app = Starlette(routes=[Route("/mcp", Endpoint(Lie.NONE))])
"""
SERVE = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/mcp", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
"""


@contextmanager
def other_server(folder: Path, code: str) -> Generator[str]:
    (folder / "server.py").write_text(code + SERVE, encoding="utf-8")
    with serving(folder) as server:
        yield server.url


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("lesson", "flags", "asked", "not_reached"), LESSONS, ids=[row[0] for row in LESSONS]
)
def test_a_lessons_server_keeps_the_laws_and_the_files_say_so(
    tmp_path: Path, lesson: str, flags: tuple[str, ...], asked: tuple[str, ...], not_reached: set[str]
) -> None:
    as_json, as_junit, picture = (tmp_path / name for name in ("r.json", "r.xml", "r.svg"))
    files = ("--json", str(as_json), "--junit", str(as_junit), "--save-svg", str(picture))
    with serving(ROOT / lesson, *flags) as server:
        arguments = (server.url, *asked, *QUICK, "--strict", *files)
        code, output = run(LESSON, "client.py", *arguments, patience=200)
    assert code == 0, output
    told = json.loads(as_json.read_text("utf-8"))
    outcomes = [check["outcome"] for check in told["checks"]]
    assert {check["law"] for check in told["checks"]} == set(range(1, 11))
    assert "broken" not in outcomes
    open_ = {check["name"] for check in told["checks"] if check["outcome"] != "holds"}
    assert open_ == not_reached
    suite = ElementTree.fromstring(as_junit.read_text("utf-8")).find("testsuite")  # noqa: S314
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped")) == ("0", str(len(not_reached)))
    assert len(suite.findall("testcase")) == len(outcomes)
    assert "holds" in picture.read_text("utf-8")
    assert "font-face" not in picture.read_text("utf-8")


def test_lesson_10_crosses_streams_as_it_says_and_does_nothing_else() -> None:
    with serving(ROOT / "10_resumption", *FORECAST_FLAGS, "--all-streams") as server:
        code, output = run(LESSON, "client.py", server.url, *FORECAST, *QUICK, patience=200)
    assert code == 1
    assert re.findall(r"^law (\d+), .*: (\S+)$", output, re.M) == [("4", "foreign-stream")], output


def test_a_fault_is_shown_with_its_bytes_and_can_be_repeated(tmp_path: Path) -> None:
    arguments = ("--tool", "count", *COUNT, *QUICK, "--law", "4", "--seed", "17")
    junit = tmp_path / "r.xml"
    with serving(LESSON, "--lie", "share-ids") as server:
        code, output = run(LESSON, "client.py", server.url, *arguments, "--junit", str(junit))
        assert code == 1, output
        assert "law 4, no id opens another session: foreign-session" in output
        for word in ("expected", "came", "clause", "stakes"):
            assert re.search(rf"^  {word} ", output, re.M), word
        again = re.search(r"repeat +uv run (client.py .* --law 4 --seed 17)", output.replace("\n", " "))
        assert again, output
    failure = ElementTree.fromstring(junit.read_text("utf-8")).find(".//failure")  # noqa: S314
    assert failure is not None
    assert failure.get("type") == "foreign-session"


@pytest.mark.parametrize(
    ("code", "flags", "sentence", "exit_code"),
    [
        (STATELESS, ("--tool", "x"), "stateless", 0),
        (ONLY_2026, ("--tool", "x"), "2026-07-28 only", 0),
        (MUTE, ("--tool", "mute", "--quiet", "0.3"), "nothing but its answer", 2),
        (MUTE, ("--tool", "other"), "There is no tool 'other'", 2),
        (NOT_MCP, ("--tool", "x"), "does not speak MCP", 2),
    ],
    ids=["stateless", "2026", "mute", "no such tool", "not mcp"],
)
def test_a_server_with_which_nothing_can_be_proven_gets_a_sentence(
    tmp_path: Path, code: str, flags: tuple[str, ...], sentence: str, exit_code: int
) -> None:
    with other_server(tmp_path, code) as url:
        came, output = run(LESSON, "client.py", url, "--patience", "1", *flags)
    assert sentence in " ".join(output.split())
    assert "Traceback" not in output
    assert came == exit_code


def test_what_is_unknown_has_an_exit_code_and_is_written(tmp_path: Path) -> None:
    """Time was over: nothing is broken, and nothing is proven."""
    as_json, as_junit = tmp_path / "r.json", tmp_path / "r.xml"
    files = ("--json", str(as_json), "--junit", str(as_junit))
    with serving(LESSON) as server:
        arguments = (server.url, "--tool", "count", *COUNT, "--time-limit", "0.5", *files)
        code, output = run(LESSON, "client.py", *arguments)
    assert code == 3, output
    assert "--time-limit" in output
    told = json.loads(as_json.read_text("utf-8"))
    assert {check["outcome"] for check in told["checks"]} == {"unknown"}
    suite = ElementTree.fromstring(as_junit.read_text("utf-8")).find("testsuite")  # noqa: S314
    assert suite is not None
    assert (suite.get("errors"), suite.get("failures")) == (str(len(told["checks"])), "0")


def test_a_tool_that_does_not_fit_is_written_too(tmp_path: Path) -> None:
    as_json = tmp_path / "r.json"
    with serving(LESSON) as server:
        code, output = run(LESSON, "client.py", server.url, "--tool", "none", "--json", str(as_json))
    assert code == 2, output
    assert "There is no tool 'none'" in json.loads(as_json.read_text("utf-8"))["unfit"]


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_a_certificate_of_ones_own_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    """By the client, and by the proxy that cuts."""
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    pair = ("-keyout", "key.pem", "-out", "cert.pem", "-days", "2")
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *pair, *names]
    subprocess.run(make, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    code = LIAR.replace("LESSON", repr(str(LESSON))).replace("FOLDER", repr(str(tmp_path)))
    with other_server(tmp_path, code) as url:
        there = (url.replace("http:", "https:"), "--tool", "count", *COUNT, *QUICK, "--law", "6")
        refused, output = run(LESSON, "client.py", *there)
        assert (refused, "cannot be reached" in output) == (2, True), output
        for trust in (("--cacert", str(tmp_path / "cert.pem")), ("--insecure",)):
            exit_code, output = run(LESSON, "client.py", *there, *trust, patience=120)
            assert exit_code == 0, output
    exit_code, output = run(LESSON, "client.py", *there, "--cacert", str(tmp_path / "server.py"))
    assert (exit_code, "Traceback" in output) == (2, False), output


def test_no_server_and_a_server_elsewhere_get_a_sentence() -> None:
    code, output = run(LESSON, "client.py", "http://127.0.0.1:9/mcp", "--tool", "x")
    assert (code, "cannot be reached" in output) == (2, True), output
    code, output = run(LESSON, "client.py", "http://example.com/mcp", "--tool", "x")
    assert (code, "--i-own-this-server" in output) == (2, True), output


def test_without_a_tool_it_says_how_to_ask() -> None:
    with serving(ROOT / LESSONS[0][0]) as server:
        code, output = run(LESSON, "client.py", server.url)
    assert code == 2
    assert "could serve send_burst" in " ".join(output.split())
    assert "--fast-args" in output


def test_the_scoreboard_names_its_peers() -> None:
    told = subprocess.run(
        [sys.executable, "scoreboard.py", "--help"], cwd=LESSON, capture_output=True, text=True, check=True
    )
    assert "typescript" in told.stdout
