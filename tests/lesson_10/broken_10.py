"""Servers that break a law: lesson 10, copied and edited in one or two places."""

import shutil
from pathlib import Path

from processes import ROOT
from workshop.breaks import Edit, edited

LESSON = ROOT / "10_resumption"
# A message each millisecond and less.
FAST = Edit("server_side/weather.py", "STATIONS = 6", "STATIONS = 1500")

NO_DOOR = Edit("server_side/door.py", '            check(events, headers["last-event-id"])\n', "")

BROKEN = {
    "plain store": [
        NO_DOOR,
        Edit(
            "server.py",
            "from event_store import InMemory",
            "from plain_store import *\nfrom event_store import InMemory",
        ),
        Edit("server.py", "event_store=store", "event_store=PlainStore()"),
    ],
    "replays nothing": [
        Edit("event_store.py", "        await events.follow(cursor, send_callback)\n", "        del cursor\n")
    ],
    "replays another session's": [
        Edit("event_store.py", "return SessionEvents(*self._settings)", "return self.everybodys"),
        Edit(
            "event_store.py",
            "self._settings = max_events, max_age, all_streams\n",
            "self._settings = max_events, max_age, all_streams\n"
            "        self.everybodys = SessionEvents(*self._settings)\n",
        ),
    ],
    "has no store": [NO_DOOR, Edit("server.py", "event_store=store", "event_store=None")],
    "never ends its streams": [
        Edit(
            "event_store.py",
            "return not stream.is_open and not (self._all",
            "return self._ended and not (self._all",
        )
    ],
    "lets the SDK go on live": [
        Edit(
            "event_store.py",
            "        await events.follow(cursor, send_callback)\n",
            "        events._is_over = lambda stream: True\n"
            "        await events.follow(cursor, send_callback)\n"
            "        return '2'\n",
        )
    ],
}


def broken(folder: Path, name: str, *more: Edit) -> Path:
    copy = edited(LESSON, folder, *BROKEN[name], *more)
    shutil.copy(ROOT / "tests" / "lesson_10" / "plain_store.py", copy)
    return copy
