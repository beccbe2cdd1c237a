"""Servers that break a law: lesson 09, copied and edited in one or two places."""

from processes import ROOT
from workshop.breaks import Edit, read

LESSON = ROOT / "09_flaky_network"
ROWS = {row.title: row.edits for row in read(LESSON)}  # the rest of them stands in its `breaks.toml`
BROKEN = {
    # A replay, and then a subscription: what comes between the two is nobody's.
    "lost in the seam": [
        Edit(
            "server.py",
            "                yield opening.encode()\n",
            "                yield opening.encode() + b''.join(stream.after(cursor, 20_000))\n"
            "                await comes(news, 0.001)\n"
            "                cursor = stream.last\n",
        )
    ],
    "one stream for all calls": [
        Edit("builds/registry.py", "session.buffer.open()", "session.standing"),
        Edit("replay_buffer.py", "stream.is_over = True", "stream.is_over = False"),
    ],
    "ids that are the same in each session": [
        Edit("replay_buffer.py", "self.name = secrets.token_hex(4)", "self.name = '00000000'")
    ],
    "cancels the build when the connection is cut": ROWS["Cancel the build when the connection is cut"],
    "begins the build anew at each call": ROWS["Begin another build for a key that is known"],
    "never ends a stream": [
        Edit(
            "server.py",
            "elif stream.is_over:\n                        break",
            "elif False:\n                        break",
        )
    ],
    "forgets that an id was issued": [
        Edit("replay_buffer.py", "raise EvictedError(None)", "raise NotIssuedError(event_id)")
    ],
    "replays from the oldest that is kept": ROWS["Answer an evicted id with what is left, and do not say so"],
    "waits for a reader or a record to evict by age": [
        Edit(
            "replay_buffer.py", "        self.free_what_is_old(self._clock())\n        name", "        name"
        ),
        Edit("replay_buffer.py", "oldest_allowed = self._clock() - self._max_age", "oldest_allowed = 0.0"),
    ],
}
