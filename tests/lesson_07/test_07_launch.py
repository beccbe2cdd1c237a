"""Lesson 07's server ends on Ctrl-C, by its own launcher and under uvicorn's."""

import sys

import pytest
from broken_07 import LESSON
from laws_07 import opened

from processes import serving, speaking, wait_until_open
from wire import Session

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")


@POSIX
def test_ctrl_c_ends_a_server_with_open_streams() -> None:
    with serving(LESSON) as server:
        session = Session(server.port)
        stream, _ = opened(session)
        with stream:
            session.call(2, 60)
            server.ctrl_c()
            stream.read_all()
            assert server.finish() == 0
    assert "ended: the server stops" in server.output


@POSIX
@pytest.mark.parametrize("reload", [[], ["--reload"]], ids=["once", "reload"])
def test_uvicorn_serves_the_same_app(reload: list[str]) -> None:
    command = [sys.executable, "-m", "uvicorn", "server:mcp_app", "--port", "0", *reload]
    with speaking(LESSON, *command) as uvicorn:
        port = int(uvicorn.wait_for(r"running on http://127.0.0.1:(\d+)")[1])
        wait_until_open(port)
        stream, _ = opened(Session(port))
        with stream:
            uvicorn.ctrl_c()
            uvicorn.finish()
    assert "Traceback" not in uvicorn.output
