"""Lesson 10 with `--sqlite`: the server is killed, and the one that comes after it has what was missed."""

import json
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from broken_10 import LESSON
from wire_10 import Session, cities, read_to_the_end

from cable import cable
from processes import Server, run, serving
from wire import Exchange
from workshop.breaks import Edit, edited

KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL


@contextmanager
def kept(folder: Path, *flags: str) -> Generator[Server]:
    """A server on the file of this folder, killed at the end: it closes and says nothing."""
    with serving(LESSON, "--sqlite", str(folder / "kept.db"), "--retry", "50", *flags) as server:
        yield server
        kill(server)


def kill(server: Server) -> None:
    if server.popen.poll() is None:
        server.popen.send_signal(KILL)
        server.popen.wait()


def wait_for_the_answer(server: Server, cache: Path) -> None:
    """Read the stream of the call that is in flight to its end, as a client would."""
    told = json.loads(cache.read_text(encoding="utf-8"))
    headers = {"accept": "text/event-stream", "last-event-id": told["last_event_id"]}
    headers |= {"mcp-session-id": told["session_id"], "mcp-protocol-version": told["protocol"]}
    with Exchange(server.port, "GET", headers) as stream:
        stream.read_all()


def resumed_by(server: Server, session: Session, event_id: str) -> tuple[int, str]:
    session.port = server.port
    with session.resume(event_id) as answered:
        answered.read_all()
        return answered.status, answered.body.decode()


def test_a_client_and_its_server_die_and_the_answer_is_there(tmp_path: Path) -> None:
    """And a call that died with the server is made again, which is said."""
    cache = tmp_path / "cache"
    with kept(tmp_path, "--delay", "0.4") as first, cable(first.port) as line:
        client = ("client.py", "--url", f"http://127.0.0.1:{line.port}/mcp", "--cache", str(cache))
        run(LESSON, *client, "--city", "Oslo")
        wait_for_the_answer(first, cache)
        kill(first)
        with kept(tmp_path, "--delay", "60") as second:
            line.lead_to(second.port)
            code, output = run(LESSON, *client)
            assert code == 0, output
            assert [line.split()[2] for line in output.splitlines() if "missed " in line] == list("123456")
            assert "forecast  Oslo tomorrow" in output
            assert "afresh" not in output
            assert "begins" not in second.output
            run(LESSON, *client, "--city", "Rome", "--die-at", "called")
            second.wait_for("begins")
            kill(second)
            with kept(tmp_path, "--delay", "0.4") as third:
                line.lead_to(third.port)
                code, output = run(LESSON, *client)
                assert code == 0, output
                assert "ended     The server was killed at work on this call" in output
                assert "the work is done again" in output
                assert "forecast  Rome tomorrow" in output


def test_what_a_restored_session_may_ask(tmp_path: Path) -> None:
    """Each law of ids holds on the file as in memory; two sessions, and what is too old or too much."""
    with kept(tmp_path, "--delay", "0.1", "--max-events", "30") as first:
        mine, yours = Session(first.port), Session(first.port)
        with mine.call("Oslo") as called:
            oslo = read_to_the_end(called)
        with yours.call("Rome") as called:
            rome = read_to_the_end(called)
        for request_id in range(10, 40):
            with yours.post("ping", {}, request_id) as pinged:
                pinged.read_all()
        left = Session(first.port)
        assert left.delete() == 200
        kill(first)
    with kept(tmp_path, "--max-events", "30") as second:
        status, body = resumed_by(second, mine, oslo[3].id)
        assert status == 200
        shown = [(event.id, event.data) for event in oslo[4:]]
        found = [
            tuple(line.partition(": ")[2] for line in part.split("\r\n"))
            for part in body.split("\r\n\r\n")[:-1]
        ]
        assert [(name, data) for name, _, data in found] == shown
        assert resumed_by(second, mine, oslo[-1].id) == (200, "")
        own = oslo[0].id.rpartition("-")[0]
        for strange in (
            rome[3].id,
            "",
            "!",
            f"{own}-999",
            f"{own}-01",
            f"{own[:8]}-99-1",
            f"{own}-" + "9" * 40,
        ):
            assert resumed_by(second, mine, strange)[0] == 400, strange
        status, body = resumed_by(second, yours, rome[0].id)
        assert (status, "again" in body) == (410, True)
        assert resumed_by(second, left, left.opening[-1].id)[0] == 404
        with mine.post("ping", {}, 3) as refused:
            assert refused.status == 404
            assert "initialize" in refused.json()["error"]["message"]
        assert mine.delete() == 200
        assert resumed_by(second, mine, oslo[3].id)[0] == 404


def test_a_file_that_does_not_help(tmp_path: Path) -> None:
    """One sentence, and no traceback."""
    noise, folder = tmp_path / "noise.db", tmp_path / "folder"
    noise.write_bytes(b"not a database" * 1000)
    folder.mkdir()
    with kept(tmp_path):
        for file, why in (
            (noise, "not a database"),
            (folder, "unable to open"),
            (tmp_path / "kept.db", "locked"),
        ):
            code, output = run(LESSON, "server.py", "--port", "0", "--sqlite", str(file))
            assert code == 1, output
            assert why in output
            assert output.splitlines()[-1].endswith("choose another file with --sqlite.")
            assert "Traceback" not in output


def test_a_full_disk_is_said_aloud_and_leaves_no_hole(tmp_path: Path) -> None:
    """The server goes on in memory; what the file lacks is refused after the restart."""
    full = Edit(
        "on_sqlite/journal.py", "PRAGMA synchronous", "PRAGMA max_page_count = 12; PRAGMA synchronous"
    )
    copy = edited(LESSON, tmp_path, full)
    flags = ("--sqlite", str(tmp_path / "kept.db"), "--delay", "0.1")
    with serving(copy, *flags) as first:
        session = Session(first.port)
        ends: list[str] = []
        while "cannot be written" not in first.output:
            with session.call("Oslo", 10 + len(ends)) as called:
                found = read_to_the_end(called)
            assert cities(found) == ["Oslo"]
            ends.append(found[0].id)
            assert len(ends) < 100
        kill(first)
    with serving(LESSON, *flags) as second:
        assert resumed_by(second, session, ends[0])[0] == 200
        status, body = resumed_by(second, session, ends[-1])
        assert status in (400, 410) or "Make the call again" in body
