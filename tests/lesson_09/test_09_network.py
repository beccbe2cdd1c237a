"""Lesson 09's network does what it says, by its page, by a script and by keys."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator

import pytest
from broken_09 import LESSON
from laws_09 import called, resumed, shown, whole
from network_09 import asked, page_port, press

from processes import PATIENCE, Server, cuttable, run, serving
from wire import Event, Session

POSIX = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no terminals and signals of this kind"
)


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, "--retry", "10", "--max-body", "5000000") as server:
        yield server


@pytest.fixture(scope="module")
def one_network(server: Server) -> Generator[Server]:
    with cuttable(server.port, "--speed", "20000") as network:
        yield network


@pytest.fixture
def network(one_network: Server) -> Server:
    """As if it were new."""
    page_port(one_network)
    one_network.lines.clear()
    press(one_network, "restore")
    one_network.wait_for("^open ")
    one_network.lines.clear()
    return one_network


def test_a_cut_resets_and_refuses_until_it_is_restored(network: Server) -> None:
    session = Session(network.port)
    stream = called(session, 4, 0.6)
    start = stream.events[0].id
    press(network, "cut")
    with stream, pytest.raises(ConnectionError):
        stream.read_all()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        Session(network.port)
    press(network, "restore")
    with resumed(session, start) as again:
        again.read_all()
        whole(again.messages, 4)


def test_a_stall_holds_all_and_tells_nobody(server: Server, network: Server) -> None:
    session = Session(network.port)
    before = server.output.count("finished")
    with called(session, 12, 1.2) as stream:
        press(network, "stall")
        server.wait_for("finished", times=before + 1)  # whatever came would be seen
        time.sleep(0.2)
        press(network, "restore")
        held = int(network.wait_for(r"^open .*in flight: (\d+)")[1])
        stream.read_all()
        whole(stream.messages, 12)
    assert held > 500


def test_slow_is_slow_and_loses_nothing(network: Server) -> None:
    session = Session(network.port)
    press(network, "slow")
    began = time.monotonic()
    with called(session, 30, 0) as stream:
        stream.read_all()
        whole(stream.messages, 30)
        assert time.monotonic() - began > len(stream.body) / 20_000 / 2


def test_half_of_an_event_comes(network: Server) -> None:
    session = Session(network.port)
    stream = called(session, 4, 0.4)
    press(network, "half")
    with stream:
        stream.read_all()  # ended by the network, inside an event
        had, rest = stream.messages, bytes(stream.body).rpartition(b"\n\n")[2]
    assert rest.startswith(b"event: message\nid: "), rest
    with resumed(session, had[-1].id if had else stream.events[0].id) as again:
        again.read_all()
        whole(had + again.messages, 4)


def test_megabytes_pass_whole(network: Server) -> None:
    session = Session(network.port)
    with called(session, 5000, 0) as stream:
        events: list[Event] = stream.events
        stream.read_all()
    assert [shown(event) for event in events[-2:]] == ["progress 5000", "result of 5000"]
    with session.post("x" * 4_000_000, {}) as answered:
        assert answered.json()["error"]["code"] == -32601


def test_the_page_is_for_itself_only(network: Server) -> None:
    port = page_port(network)
    own = f"http://127.0.0.1:{port}"
    assert "<title>The network</title>" in asked(port, "GET", "/")[1]
    assert asked(port, "GET", "/", host="evil.example")[0] == 400
    assert asked(port, "POST", "/do/cut")[0] == 403
    assert asked(port, "POST", "/do/cut", origin="http://evil.example")[0] == 403
    assert asked(port, "POST", "/do/explode", origin=own)[0] == 404
    assert asked(port, "GET", "/do/cut", origin=own)[0] == 405
    assert "cut " not in network.output


def test_a_server_that_is_not_there_is_a_lost_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with cuttable(port) as network, pytest.raises((ConnectionError, http.client.HTTPException)):
        Session(network.port)


@pytest.mark.parametrize("script", ["2 explode", "3 cut, 2 restore", "nan cut"])
def test_a_script_that_makes_no_sense_is_one_sentence(script: str) -> None:
    code, output = run(LESSON, "network.py", f"--script={script}")
    assert code == 2
    assert re.search("--script: .*(such as|rise)", output), output
    assert "Traceback" not in output


@pytest.mark.parametrize("flag", ["--listen", "--to", "--page"])
def test_a_number_that_is_no_port_is_one_sentence(flag: str) -> None:
    code, output = run(LESSON, "network.py", flag, "99999")
    assert code == 2
    assert f"{flag}: 99999 is not a port" in output, output


def test_a_taken_port_is_one_sentence(server: Server) -> None:
    code, output = run(LESSON, "network.py", "--listen", str(server.port))
    assert code == 1
    assert re.fullmatch(r"Cannot listen on .* choose another with --listen\.", output)


@POSIX
def test_keys(server: Server) -> None:
    """In a terminal of its own; `q` ends it, and the terminal is as it was."""
    import pty
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    command = [sys.executable, "network.py", "--listen", "0", "--page", "0", "--to", str(server.port)]
    with subprocess.Popen(command, cwd=LESSON, stdin=theirs, stdout=subprocess.PIPE, text=True) as network:
        assert network.stdout
        said = iter(network.stdout.readline, "")
        while not next(said).startswith("keys"):
            pass
        while termios.tcgetattr(theirs)[3] & termios.ICANON:  # until it listens to single keys
            time.sleep(0.02)
        for key, word in (("c", "cut"), ("s", "slow"), ("t", "stalled"), ("h", "half"), ("r", "open")):
            os.write(ours, key.encode())
            assert next(said).startswith(word)
        os.write(ours, b"xq")
        assert network.wait(PATIENCE) == 0
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


@POSIX
def test_ctrl_c_ends_it_with_a_page_and_a_stream_open(server: Server) -> None:
    with cuttable(server.port) as network:
        watching = http.client.HTTPConnection("127.0.0.1", page_port(network), timeout=PATIENCE)
        watching.request("GET", "/live")
        live = watching.getresponse()
        with called(Session(network.port), 2, 60):
            network.ctrl_c()
            assert network.finish() == 0  # long before the build would end
        live.close()
        watching.close()
