"""Servers that break a law: lesson 07, copied and edited in one or two places."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from processes import ROOT

LESSON = ROOT / "07_advanced_stream_resumption"


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


def edited_copy(lesson: Path, folder: Path, *edits: Edit) -> Path:
    """A copy of a lesson with some lines of it changed; each edit must find its place, once."""
    copy = folder / lesson.name
    shutil.copytree(lesson, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in edits:
        source = (copy / edit.file).read_text(encoding="utf-8")
        assert source.count(edit.old) == 1, (
            f"{edit.old!r} stands {source.count(edit.old)} times in {edit.file}"
        )
        (copy / edit.file).write_text(source.replace(edit.old, edit.new), encoding="utf-8")
    return copy


BROKEN = {
    # A replay, and then a subscription: what comes between the two is nobody's.
    "lost in the seam": [
        Edit(
            "server.py",
            "                yield opening.encode()\n",
            "                yield opening.encode() + b''.join(session.buffer.after(cursor, 20_000))\n"
            "                await session.news(within=0.001)\n"
            "                cursor = session.buffer.last\n",
        )
    ],
    # One store for all sessions, as in the SDK's example.
    "crosses sessions": [
        Edit("sessions.py", "log = logging", "ONE_FOR_ALL = ReplayBuffer(5000)\nlog = logging"),
        Edit(
            "sessions.py",
            "        self.reader: object",
            "        self.buffer = ONE_FOR_ALL\n        self.reader: object",
        ),
    ],
    # As the SDK answers what its store does not know.
    "empty 200 for an unknown id": [
        Edit(
            "server.py",
            "            cursor = cursor_of(buffer, last_event_id)\n",
            "            try:\n"
            "                cursor = cursor_of(buffer, last_event_id)\n"
            "            except Refusal:\n"
            "                return Response(media_type='text/event-stream')\n",
        )
    ],
    "forgets the final id": [Edit("replay_buffer.py", "int(place) > self.last", "int(place) >= self.last")],
    "sends the final message without an id": [
        Edit(
            "replay_buffer.py",
            '{message}\\n\\n".encode()',
            '{message}\\n\\n".encode()\n        if b\'"number":3,"of":3\' in event:\n'
            '            event = event.replace(b"id: ", b": ")',
        )
    ],
    "counts ids from one too low": [
        Edit("replay_buffer.py", "return int(place)", "return max(int(place) - 1, 0)")
    ],
    "compares ids as text": [
        Edit(
            "replay_buffer.py",
            "not NUMBER.fullmatch(place) or int(place) > self.last",
            "place > str(self.last)",
        )
    ],
    "cancels the tool when the connection is cut": [
        Edit(
            "server.py",
            "                    session.reader = None\n",
            "                    session.reader = None\n"
            "                    for burst in session.bursts:\n"
            "                        burst.cancel()\n",
        )
    ],
    "leaves the stream open after the session": [
        Edit("sessions.py", "session.hand_over(None)", "session.reader")
    ],
}
