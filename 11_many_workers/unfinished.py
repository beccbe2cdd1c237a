"""The jobs that are not done, for storages whose engine forgets them with the process."""

from pathlib import Path

from build import Build
from sqlite_file import connect


class SQLiteJobs:
    """The jobs that are not done: on SQLite the engine runs in memory, and is given them anew at a start."""

    def __init__(self, path: str | Path) -> None:
        self._database = connect(path)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS jobs"
            " (job TEXT PRIMARY KEY, session TEXT, steps INTEGER, interval REAL)"
        )

    def begin(self, job: str, session_id: str, build: Build) -> None:
        row = (job, session_id, build.steps, build.interval)
        self._database.execute("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, ?)", row)

    def end(self, job: str) -> None:
        self._database.execute("DELETE FROM jobs WHERE job = ?", (job,))

    def end_all(self, session_id: str) -> None:
        self._database.execute("DELETE FROM jobs WHERE session = ?", (session_id,))

    def all(self) -> list[tuple[str, str, Build]]:
        found: list[tuple[str, str, int, float]] = self._database.execute("SELECT * FROM jobs").fetchall()
        return [(job, session, Build(steps=steps, interval=pause)) for job, session, steps, pause in found]

    def close(self) -> None:
        self._database.close()
