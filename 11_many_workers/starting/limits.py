"""What has a limit (law 8), and where sessions are kept: each is a flag of `server.py`."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from plumbing.door import Front

REDIS = "redis://127.0.0.1:6379/0"
Kind = Literal["memory", "sqlite", "redis"]


@dataclass(frozen=True)
class Limits(Front):
    max_events: Annotated[int, "events kept of each stream, roughly"] = 4096
    max_session_events: Annotated[int, "events kept of the calls of a session that are over"] = 10_000
    max_sessions: Annotated[int, "sessions at the same time, of all workers"] = 10_000
    max_queue: Annotated[int, "jobs that are not over, of all workers; a call beyond is refused"] = 10_000
    max_session_queue: Annotated[int, "jobs of one session that are not over; a call beyond is refused"] = 20
    max_idle: Annotated[float, "seconds until a session ends that nothing uses"] = 1800.0
    max_jobs: Annotated[int, "jobs at work in one worker; more wait for their turn"] = 100
    max_session_jobs: Annotated[int, "jobs of one session that may keep a worker for a whole turn"] = 20
    turn: Annotated[float, "seconds of work after which a job makes room for others"] = 10.0
    retry: Annotated[int, "milliseconds a client waits before it reconnects"] = 3000
    ping: Annotated[float, "seconds of silence after which a stream shows life, and looks"] = 15.0
    patience: Annotated[float, "seconds that the storage may take for an answer"] = 2.0
    lease: Annotated[float, "seconds without a sign of life after which a job is given to another worker"] = (
        2.0
    )


@dataclass(frozen=True)
class Settings:
    """Handed to each worker as it starts."""

    limits: Limits = Limits()
    storage: Kind | None = None  # of sessions and jobs; None: Redis where one runs, else SQLite
    redis: str = REDIS
    file: str = "sessions.db"
    buffer: str | None = None  # none, memory, sqlite, redis or module:Class; None: as the storage
    broker: Literal["none", "memory", "redis"] | None = None  # None: as the storage

    def on(self, storage: Kind) -> "Settings":
        """Nothing is left open."""
        broker = self.broker or ("redis" if storage == "redis" else "memory")
        return replace(self, storage=storage, buffer=self.buffer or storage, broker=broker)
