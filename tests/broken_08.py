"""Lesson 08 with the SDK's plain way in place of its own: no door, and a store that is merely a store."""

from pathlib import Path

from processes import ROOT
from workshop.breaks import Edit, edited

LESSON = ROOT / "08_notification_stream"

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
    source = (ROOT / "tests" / "plain_store_08.py").read_text(encoding="utf-8")
    if careful:
        source = source.replace("in self._events[stream_id]:", "in list(self._events[stream_id]):")
    (copy / "plain_store_08.py").write_text(source, encoding="utf-8")
    return copy
