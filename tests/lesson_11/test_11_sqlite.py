"""What is SQLite's own: a disk that is full, and what a transaction that is rolled back leaves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pairs_11 import run

from event import id_of, stream_of
from replay_buffer import SQLiteSSEReplayBuffer, Step


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
                await buffer.record("A", "x" * 100_000, Step("job", 1))
            buffer.free()
            for session_id in ("B", "A"):
                for number in (1, 2, 3):
                    assert await buffer.record(session_id, f"{session_id}{number}", Step("job", number))
            for session_id in ("A", "B"):
                events = await buffer.replay(session_id, id_of(stream_of(session_id), 0))
                assert [event.message for event in events] == [f"{session_id}{n}" for n in (1, 2, 3)]

    run(test)
