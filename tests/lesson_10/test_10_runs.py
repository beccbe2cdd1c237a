"""Lesson 10 as a user runs it: a client that dies, and the one that comes after it."""

import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from broken_10 import LESSON

from cable import cable
from processes import ROOT, Server, run, serving, speaking
from workshop.breaks import Edit, edited

STAGES = re.findall(
    r'^    "(\w+)": "', (LESSON / "client_side" / "death.py").read_text(encoding="utf-8"), re.MULTILINE
)
LOAD = """
import pathlib, sys
from client_side import session_cache
try: session_cache.load(pathlib.Path(sys.argv[1]), sys.argv[2])
except session_cache.UnusableError as why: print(why)
"""
README = (LESSON / "README.md").read_text(encoding="utf-8")
ENOUGH = 400  # seconds for a show on a busy machine; only what hangs uses them up
KILLED = 15 if sys.platform == "win32" else -signal.SIGKILL


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--delay", "0.4", "--retry", "50") as running:
        yield running


@pytest.fixture(scope="module")
def all_streams() -> Generator[Server]:
    with serving(LESSON, "--delay", "0.4", "--retry", "50", "--all-streams") as running:
        yield running


class Client:
    """The same command, again and again, in one folder."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.url, self.cache = server.url, folder / ".session_cache"

    def run(self, *flags: str) -> tuple[int, str]:
        return run(LESSON, "client.py", "--url", self.url, "--cache", str(self.cache), *flags)

    def dies(self, *flags: str) -> str:
        code, output = self.run(*flags)
        assert code == KILLED, output
        assert output.splitlines()[-1].startswith("dying"), output
        return output

    def ends(self, *flags: str) -> str:
        code, output = self.run(*flags)
        assert code == 0, output
        assert not self.cache.exists()
        return output


def runs(server: Server, city: str) -> int:
    server.wait_for(rf"get_forecast\('{city}'\): ready")
    return server.output.count(f"get_forecast('{city}'): run")


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_any_stage_the_next_run_has_the_one_forecast(
    server: Server, tmp_path: Path, stage: str
) -> None:
    client = Client(server, tmp_path)
    client.dies("--city", stage, "--die-at", stage)
    output = client.ends("--city", stage, "--die-at", "never")
    assert output.count(f"forecast  {stage} tomorrow") == 1
    unknown = stage == "sent"  # no id of the call's stream has come: the work is done again, and that is said
    assert ("the work is done again" in output) is (stage in ("calling", "sent"))
    assert runs(server, stage) == (2 if unknown else 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("protocol", ["2025-06-18", "2025-11-25"])
@pytest.mark.parametrize("mode", ["server", "all_streams"])
def test_protocol_and_streams(
    protocol: str, mode: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """The table of the README."""
    server: Server = request.getfixturevalue(mode)
    client, city = Client(server, tmp_path), f"{mode}-{protocol}".replace("_", "-")
    client.dies("--city", city, "--protocol", protocol)
    output = client.ends()
    resumed = (mode, protocol) != ("server", "2025-06-18")
    assert ("afresh" in output) is not resumed
    assert runs(server, city) == (1 if resumed else 2)


def test_there_are_ten_stages() -> None:
    assert len(STAGES) == 10


def test_two_clients_with_the_same_ids_have_each_its_own(server: Server, tmp_path: Path) -> None:
    """And the second run of each neither initializes nor calls."""
    clients = {city: Client(server, tmp_path / city) for city in ("Bern", "Riga")}
    for city, client in clients.items():
        client.cache.parent.mkdir()
        client.dies("--city", city)
        assert stat.S_IMODE(client.cache.stat().st_mode) == 0o600 or os.name == "nt"
    for city, client in clients.items():
        kept = json.loads(client.cache.read_text())
        output = client.ends()
        assert f"Last-Event-ID: {kept['last_event_id']}\n" in output
        assert "session   opened" not in output
        assert "call      get" not in output
        assert "missed    station 1 of 6" in output
        assert "the work took 0.4 s" in output
        assert f"forecast  {city} tomorrow" in output
        assert runs(server, city) == 1


def test_a_server_restarted_in_between(server: Server, all_streams: Server, tmp_path: Path) -> None:
    """To the client it is the same address, and another server, which knows nothing."""
    with cable(server.port) as line:
        client = Client(server, tmp_path)
        client.url = f"http://127.0.0.1:{line.port}/mcp"
        client.dies("--city", "Turin")
        line.lead_to(all_streams.port)
        output = client.ends()
    assert "refused   404" in output
    assert "the work is done again" in output
    assert "forecast  Turin tomorrow" in output


def test_an_id_that_is_refused(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.dies("--city", "Genoa")
    kept = json.loads(client.cache.read_text())
    client.cache.write_text(json.dumps(kept | {"last_event_id": "00000000-1-1"}))
    output = client.ends()
    assert "refused   400" in output
    assert "the work is done again" in output


def test_a_cache_that_does_not_help(server: Server, tmp_path: Path) -> None:
    """One sentence, and a fresh start."""
    client = Client(server, tmp_path)
    client.dies("--city", "Nice")
    kept = json.loads(client.cache.read_text())
    client.cache.write_text("{")
    output = client.ends("--city", "Nice")
    assert "is damaged" in output
    assert "is done again" in output
    spoiled = {
        "is damaged": [
            "",
            '{"version": 1}',
            json.dumps(kept | {"session_id": "\n"}),
            "\ud800",
            "x" * 200_000,
        ],
        "of another version": ['{"version": 2, "where": "unknown"}'],
        "of another server": [json.dumps(kept | {"url": "http://127.0.0.1:1/mcp"})],
    }
    for says, contents in spoiled.items():
        for content in contents:
            client.cache.write_bytes(content.encode(errors="surrogatepass"))
            told = subprocess.run(
                [sys.executable, "-c", LOAD, str(client.cache), client.url],
                cwd=LESSON,
                capture_output=True,
                text=True,
                timeout=20,
            )
            assert says in told.stdout, told


def test_another_city_is_asked_for_after_the_answer_that_waits(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.dies("--city", "Pisa")
    output = client.ends("--city", "Siena")
    assert "its call is in flight for Pisa; then Siena is next" in output
    assert re.findall("forecast  (.*) tomorrow", output) == ["Pisa", "Siena"]
    assert [runs(server, city) for city in ("Pisa", "Siena")] == [1, 1]


def test_another_city_is_asked_for_and_the_answer_that_waited_is_lost(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.dies("--city", "Lucca")
    kept = json.loads(client.cache.read_text())
    client.cache.write_text(json.dumps(kept | {"last_event_id": "00000000-1-1"}))
    output = client.ends("--city", "Parma")
    assert "a new session for Parma; the answer for Lucca cannot be had any more" in output
    assert re.findall("forecast  (.*) tomorrow", output) == ["Parma"]
    assert runs(server, "Parma") == 1
    assert server.output.count("get_forecast('Lucca'): run") == 1


def test_a_death_while_the_cache_is_written_leaves_nothing(server: Server, tmp_path: Path) -> None:
    """One file at most, which the next run takes away."""
    rename = Edit(
        "client_side/session_cache.py", "            new.replace(path)", "            os.kill(os.getpid(), 9)"
    )
    copy = edited(LESSON, tmp_path, rename)
    client, left = Client(server, tmp_path), tmp_path / ".session_cache.new"
    flags = ("--url", client.url, "--cache", str(client.cache))
    for _ in range(2):
        assert run(copy, "client.py", *flags)[0] == KILLED
        assert left.exists()
    client.ends("--die-at", "never")
    assert not left.exists()
    left.write_text("{", encoding="utf-8")
    client.ends("--reset")
    assert not left.exists()
    assert (ROOT / ".gitignore").read_text(encoding="utf-8").count(".session_cache*\n") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_cache(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    os.mkfifo(client.cache)
    code, output = client.run()
    assert code == 1
    assert "cannot be used (it is not a file)" in output


def test_escape_codes_of_a_cache_do_not_reach_the_terminal(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.dies("--city", "Bergamo")
    kept = json.loads(client.cache.read_text())
    client.cache.write_text(json.dumps(kept | {"city": "\x1b]0;owned\x07"}))
    output = client.ends("--city", "Como")
    assert "for ?]0;owned?; then Como is next" in output
    assert "\x1b" not in output


def test_no_proxy_stands_before_loopback(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    output = Client(server, tmp_path).ends("--city", "Zadar", "--die-at", "never")
    assert "forecast  Zadar tomorrow" in output
    code, output = run(LESSON, "client.py", "--two-calls", "--url", server.url)
    assert code == 0, output


def test_reset_and_what_cannot_be(server: Server, tmp_path: Path) -> None:
    client = Client(server, tmp_path)
    client.cache.write_text("{")
    client.ends("--reset")
    code, output = client.run("--city", "x" * 61, "--die-at", "never")
    assert code == 1
    assert "1 to 60 characters" in output
    assert not client.cache.exists()
    client.url = "http://127.0.0.1:9/mcp"
    client.cache.mkdir()
    code, output = client.run()
    assert code == 1
    assert "cannot be used" in output
    client.cache.rmdir()
    code, output = client.run()
    assert code == 1
    assert "cannot be reached" in output


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches the whole console there")
def test_ctrl_c_with_open_streams(tmp_path: Path) -> None:
    with serving(LESSON, "--delay", "30") as server:
        client = Client(server, tmp_path)
        command = [sys.executable, "client.py", "--url", client.url, "--cache", str(client.cache)]
        client.dies()
        with speaking(LESSON, *command) as second:
            server.wait_for("resumed after")
            second.popen.send_signal(signal.SIGINT)
            assert second.finish() == 130
        with speaking(LESSON, *command, "--patience", "1") as third:
            server.wait_for("resumed after", times=2)
            server.popen.send_signal(signal.SIGINT)
            assert server.finish() == 0
            assert third.finish() == 1
            assert "is kept for the next run" in third.output
        assert "ERROR" not in server.output
        assert "Traceback" not in second.output + third.output
    assert client.cache.exists()


@pytest.mark.timeout(ENOUGH)
def test_the_show() -> None:
    code, output = run(LESSON, "show.py", "--delay", "1.2", patience=ENOUGH)
    assert code == 0, output
    assert output.count("client  forecast") == 4
    assert output.count("show    proven: the same as the run that nobody cut, and the tool ran once") == 4
    assert "client  failed    a wrong answer: Rome was told of Oslo" in output
    assert "show    proven: each act ended as it should" in output


def test_its_picture_is_saved_from_a_pipe(tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    code, output = run(ROOT, "-m", "workshop", "10", "--save-svg", str(picture), "--", "--delay", "1.2")
    assert code == 0, output
    assert "each&#160;act&#160;ended&#160;as&#160;it&#160;should" in picture.read_text(encoding="utf-8")


PLAYED = """
import asyncio, socket, show
async def main():
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    say = show.STAGE.say
    def hear(whose, line):
        say(whose, line)
        if "Cannot listen" in str(line):
            taken.close()
    show.STAGE.say = hear
    async with show.serving(port=port) as (server, url):
        print("it listens on the port:", url.endswith(f":{port}/mcp"), flush=True)
asyncio.run(main())
"""


def test_the_show_asks_again_for_a_port_that_was_just_taken() -> None:
    played = subprocess.run(
        [sys.executable, "-c", PLAYED], cwd=LESSON, capture_output=True, text=True, timeout=ENOUGH
    )
    assert "Cannot listen" in played.stdout, played.stderr
    assert "it listens on the port: True" in played.stdout, played.stdout + played.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches the whole console there")
def test_a_touched_client_does_not_restart_the_server(tmp_path: Path) -> None:
    """As the README has it; a touched part of the server does."""
    command = re.search(r"^uv run (--with watchfiles uvicorn .*)$", README, re.MULTILINE)
    assert command
    copy = edited(LESSON, tmp_path)
    uv = (os.environ.get("UV", "uv"), "run", "--no-sync", "--project", str(ROOT))
    with speaking(copy, *uv, *shlex.split(command[1]), "--port", "0") as server:
        server.wait_for("Application startup complete")
        for name in ("client.py", "client_side/death.py", "server_side/weather.py"):
            (copy / name).touch()
        server.wait_for("detected changes in .*weather.py")
        restarts = [line for line in server.lines if "detected changes in" in line]
        assert not [line for line in restarts if "client.py" in line or "death.py" in line], restarts
        server.ctrl_c()
        server.finish()


def test_a_taken_port(server: Server) -> None:
    code, output = run(LESSON, "server.py", "--port", str(server.port))
    assert code == 1
    assert output.startswith("Cannot listen on 127.0.0.1, port")
