"""Servers that break a law: lesson 07, copied and edited in one or two places."""

from processes import ROOT
from workshop.breaks import Edit, read

LESSON = ROOT / "07_advanced_stream_resumption"
ROWS = {row.title: row.edits for row in read(LESSON)}  # the rest of them stands in its `breaks.toml`
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
    "cancels the tool when the connection is cut": ROWS["Cancel the tool when the connection is cut"],
    "leaves the stream open after the session": [
        Edit("sessions.py", "session.hand_over(None)", "session.reader")
    ],
}
