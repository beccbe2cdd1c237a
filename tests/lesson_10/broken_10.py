"""Servers that break a law: lesson 10, copied and edited in one or two places."""

import shutil
from pathlib import Path

from processes import ROOT
from workshop.breaks import Edit, edited

LESSON = ROOT / "10_resumption"
# A message each millisecond and less.
FAST = Edit("server_side/weather.py", "STATIONS = 6", "STATIONS = 1500")

NO_DOOR = Edit(
    "server_side/door.py",
    '            with refusing():\n                streams.buffer.find(headers["last-event-id"])\n',
    "",
)

BROKEN = {
    "plain store": [
        NO_DOOR,
        Edit(
            "server.py",
            "from event_store import Session",
            "from plain_store import *\nfrom event_store import Session",
        ),
        Edit("server.py", "event_store=SessionEventStore()", "event_store=PlainStore()"),
    ],
    "replays nothing": [
        Edit(
            "event_store.py",
            "await follow(stream, cursor, send_callback, alone",
            "del cursor, stream; dict(alone",
        )
    ],
    "replays another session's": [
        Edit(
            "server.py",
            "        return SessionStreams(*kept, settings.all_streams, journal)\n",
            "        return everybodys\n\n    everybodys = SessionStreams(*kept)\n",
        ),
    ],
    "has no store": [NO_DOOR, Edit("server.py", "event_store=SessionEventStore()", "event_store=None")],
    "never ends its streams": [
        Edit("replay_buffer.py", "stream.is_over = True", "stream.is_over = False"),
    ],
    "lets the SDK go on live": [
        Edit(
            "event_store.py",
            "        shared = streams",
            "        for event in stream.after(cursor, AT_ONCE):\n"
            "            await send_callback(event)\n"
            "        return '2'\n"
            "        shared = streams",
        )
    ],
}


def broken(folder: Path, name: str, *more: Edit) -> Path:
    copy = edited(LESSON, folder, *BROKEN[name], *more)
    shutil.copy(ROOT / "tests" / "lesson_10" / "plain_store.py", copy)
    return copy
