"""The jobs that are not done, for storages whose engine forgets them with the process."""

import json
from pathlib import Path

from jobs.build import Build
from on_sqlite.file import connect


class SQLiteJobs:
    """The jobs that are not done: on SQLite the engine runs in memory, and is given them anew at a start."""

    def __init__(self, path: str | Path) -> None:
        self._database = connect(path)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS calls"
            " (session TEXT, call TEXT, steps INTEGER, interval REAL, PRIMARY KEY (session, call))"
        )

    def begin(self, session_id: str, call: int | str, build: Build) -> None:
        row = (session_id, json.dumps(call), build.steps, build.interval)
        self._database.execute("INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?)", row)

    def end(self, session_id: str, call: int | str) -> None:
        which = (session_id, json.dumps(call))
        self._database.execute("DELETE FROM calls WHERE session = ? AND call = ?", which)

    def end_all(self, session_id: str) -> None:
        self._database.execute("DELETE FROM calls WHERE session = ?", (session_id,))

    def all(self) -> list[tuple[str, int | str, Build]]:
        found: list[tuple[str, str, int, float]] = self._database.execute("SELECT * FROM calls").fetchall()
        return [
            (session, json.loads(call), Build(steps=steps, interval=pause))
            for session, call, steps, pause in found
        ]

    def close(self) -> None:
        self._database.close()
