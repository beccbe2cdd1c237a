"""Lesson 08 with the SDK's plain way in place of its own: no door, and a store that is merely a store."""

from pathlib import Path

from processes import ROOT
from workshop.breaks import Edit, edited

LESSON = ROOT / "08_notification_stream"

# One edit each, what the laws then say, and which of them: beside the rows of `breaks.toml`.
MUTANTS = [
    (
        Edit(
            "replay_buffer.py",
            'event_id = f"{self.name}-{self.last + 1}"',
            "event_id = self.id_of(self.last)",
        ),
        "doubled",
        1,
    ),
    (
        Edit("event_store.py", "reader = object()", "reader = True"),
        "doubled",
        2,
    ),
    (Edit("event_store.py", "stream.read_until = cursor", "pass"), "doubled", 2),
    (Edit("replay_buffer.py", "secrets.token_hex(4)", '"00000000"'), "silent", 4),
    (Edit("event_store.py", "del self._unanswered[stream_id]", "pass"), "foreign-stream", 4),
    (
        Edit(
            "door.py",
            "return SessionStreams(self._max_events)",
            "return next(iter(self._sessions.values()), SessionStreams(9999))",
        ),
        "foreign-session",
        4,
    ),
    (Edit("replay_buffer.py", "stream.hand_over(None)", "pass"), "endless", 6),
    (
        Edit(
            "replay_buffer.py",
            "        self.reader = reader\n        self.news.set()",
            "        self.reader = reader",
        ),
        "endless",
        6,
    ),
    (Edit("door.py", "check(streams.buffer, cursor)  #", "pass  #"), "silent", 7),
    (Edit("replay_buffer.py", "if not stream or cursor < stream.evicted:", "if not stream:"), "silent", 8),
    (
        Edit(
            "replay_buffer.py",
            "_max_events = max_events\n        self._streams",
            "_max_events = 10**9\n        self._streams",
        ),
        "unbounded",
        8,
    ),
]

PLAIN = (
    Edit(
        "server.py",
        "import SessionEventStore",
        "import SessionEventStore\nfrom plain_store_08 import PlainStore",
    ),
    Edit("server.py", "event_store=SessionEventStore()", "event_store=PlainStore()"),
    Edit("server.py", "guard = Guard(door,", "guard = Guard(manager.handle_request,"),
    Edit("server_side/notifications.py", "if current.get() not in self._silenced:", "if not self._silenced:"),
)


def plain_copy(folder: Path, *, careful: bool) -> Path:
    """A careful one copies what it replays, and so is not disturbed by what comes meanwhile."""
    copy = edited(LESSON, folder, *PLAIN)
    source = (ROOT / "tests" / "lesson_08" / "plain_store_08.py").read_text(encoding="utf-8")
    if careful:
        source = source.replace("in self._events[stream_id]:", "in list(self._events[stream_id]):")
    (copy / "plain_store_08.py").write_text(source, encoding="utf-8")
    return copy
