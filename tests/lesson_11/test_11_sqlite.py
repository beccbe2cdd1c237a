"""What is SQLite's own: a full disk, a file that cannot be used, another program that writes to it."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path

import pytest
from broken_11 import broken
from pairs_11 import run
from redis_11 import LESSON
from wire_11 import Client, data_of

from jobs.steps import Step
from on_sqlite.file import connect
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from on_sqlite.sessions import SQLiteSessions
from processes import Server, serving
from processes import run as program
from replay_buffer import id_of, stream_of
from workshop.breaks import Edit, edited


class Disk(SQLiteSSEReplayBuffer):
    """A file on a disk that can be full."""

    def fill(self) -> None:
        ((pages,),) = self._database.execute("PRAGMA page_count")
        self._database.execute(f"PRAGMA max_page_count = {pages}")

    def free(self) -> None:
        self._database.execute("PRAGMA max_page_count = 1000000")


def test_a_disk_that_is_full_at_the_first_step_gives_nobody_what_is_anothers(tmp_path: Path) -> None:
    """Law 4: the number of a stream is never given to two sessions."""

    async def test() -> None:
        with closing(Disk(tmp_path / "events.db")) as buffer:
            buffer.fill()
            with pytest.raises(sqlite3.OperationalError, match="full"):
                await buffer.record_step("A", "x" * 100_000, Step(stream_of("A", 1), 1))
            buffer.free()
            for session_id in ("B", "A"):
                for number in (1, 2, 3):
                    assert await buffer.record_step(
                        session_id, f"{session_id}{number}", Step(stream_of(session_id, 1), number)
                    )
            for session_id in ("A", "B"):
                events = await buffer.replay(session_id, id_of(stream_of(session_id, 1), 0))
                assert [event.message for event in events] == [f"{session_id}{n}" for n in (1, 2, 3)]

    run(test)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_its_files_are_its_owners_alone(tmp_path: Path) -> None:
    """Whole session ids lie in them, and who knows one is in."""

    async def test() -> None:
        with closing(SQLiteSessions(tmp_path / "s.db", 60)) as sessions:
            assert await sessions.open("2025-11-25", 1)
            files = list(tmp_path.iterdir())  # noqa: ASYNC240 (at once)
            assert {file.name for file in files} == {"s.db", "s.db-wal", "s.db-shm"}
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}

    run(test)


async def write_beside_another_program(folder: Path, kind: type[SQLiteSSEReplayBuffer]) -> None:
    """That program is in the same loop: so it can only end if the loop goes on.

    SQLite itself would hold the loop for 5 s, five times.
    """
    async with asyncio.timeout(20):
        with (
            closing(kind(folder / "s.db", patience=30)) as buffer,
            closing(SQLiteSessions(folder / "s.db", 60, patience=30)) as sessions,
            closing(sqlite3.connect(folder / "s.db", isolation_level=None)) as other,
        ):
            session = await sessions.open("2025-11-25", 2)
            assert session
            answer = Step(stream_of(session.id, 1), 1, last=True)
            wanted: list[Callable[[], Coroutine[None, None, object]]] = [
                lambda: sessions.open("2025-11-25", 2),
                lambda: sessions.use(session.id),
                lambda: buffer.record(session.id, "1"),
                lambda: buffer.record_step(session.id, "answer", answer),
                lambda: buffer.forget(session.id),
            ]
            for ask in wanted:
                other.execute("BEGIN IMMEDIATE")
                asked = asyncio.create_task(ask())
                await asyncio.sleep(0.1)
                other.execute("COMMIT")
                await asked
            assert await buffer.record(session.id, "2")
            assert len(await buffer.replay(session.id, id_of(stream_of(session.id), 0))) == 1, "forgotten"


def test_another_program_that_writes_does_not_hold_the_loop(tmp_path: Path) -> None:
    asyncio.run(write_beside_another_program(tmp_path, SQLiteSSEReplayBuffer))


def test_a_buffer_without_patience_is_caught(tmp_path: Path) -> None:
    bad = broken(SQLiteSSEReplayBuffer, ("await patiently(record, self._patience)", "record()"))
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        asyncio.run(write_beside_another_program(tmp_path, bad))


def missing(folder: Path) -> Path:
    return folder / "missing" / "s.db"


def corrupt(folder: Path) -> Path:
    (folder / "s.db").write_bytes(b"This is not a database." * 1000)
    return folder / "s.db"


def read_only(folder: Path) -> Path:
    connect(folder / "s.db").close()
    (folder / "s.db").chmod(0o400)
    return folder / "s.db"


IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0  # may write to any file


@pytest.mark.parametrize("file", [missing, corrupt, *([] if IS_ROOT else [read_only])])
def test_a_file_that_cannot_be_used_is_one_sentence(file: Callable[[Path], Path], tmp_path: Path) -> None:
    path = file(tmp_path)
    code, output = program(LESSON, "server.py", "--port", "0", "--storage", "sqlite", "--file", str(path))
    assert code == 1
    assert output.startswith(f"Sessions cannot be kept in {path} (")
    assert len(output.splitlines()) == 1


def damaged(folder: Path) -> Path:
    file = folder / "s.db"
    SQLiteSessions(file, 60).close()
    with closing(sqlite3.connect(file)) as database:
        ((page,),) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sessions'")
        ((size,),) = database.execute("PRAGMA page_size")
    with file.open("r+b") as pages:
        pages.seek((page - 1) * size)
        pages.write(b"\xff" * size)
    return file


def test_a_file_that_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    with serving(LESSON, "--storage", "sqlite", "--file", str(damaged(tmp_path))) as server:
        with pytest.raises(AssertionError, match="is damaged"):
            Client(server.port)
        server.wait_for(r"storage: DatabaseError \(database disk image is malformed\)")


def test_a_server_without_a_word_for_damage_is_caught(tmp_path: Path) -> None:
    plain = Edit("starting/storage.py", "sqlite3.DatabaseError, TimeoutError)", "TimeoutError)")
    flags = ("--storage", "sqlite", "--file", str(damaged(tmp_path)))
    server = Server(edited(LESSON, tmp_path, plain), *flags)
    try:
        with pytest.raises(AssertionError) as caught:
            Client(server.port)
    finally:
        server.stop()
    assert "is damaged" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot kill a worker by its id")
def test_a_build_goes_on_where_it_was_when_its_worker_is_started_again(tmp_path: Path) -> None:
    """Its next step is due after one interval, not after all that it has done: another build is slower."""
    flags = ("--storage", "sqlite", "--file", str(tmp_path / "s.db"), "--retry", "10")
    with serving(LESSON, *flags) as server:
        client, other = Client(server.port), Client(server.port)
        with client.build(100, 0.2) as stream:
            stream.read_messages(40)
            os.kill(int(stream.response.headers["x-worker"]), signal.SIGKILL)
            last = stream.messages[-1]
        with other.build(10, 0.2) as quick, client.listen(last.id) as resumed:
            resumed.read_messages(1)
            quick.read_all()
            next_step, answer = data_of(resumed.messages[0]), data_of(quick.messages[-1])
    assert next_step.number == 40
    assert float(next_step.by.partition(".")[2]) < float(answer.by.partition(".")[2])
