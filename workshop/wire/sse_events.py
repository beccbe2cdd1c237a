"""A body cut into server-sent events as the bytes come; what is left over is where a cut fell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

LINE_END = re.compile(rb"\r\n|\n|\r")
LONGEST_LEFT = 1_000_000  # bytes of an event that never ends


@dataclass
class Event:
    """`id` is None where the event has none: an empty one is something else."""

    id: str | None = None
    type: str = "message"
    data: list[str] = field(default_factory=list[str])
    retry: str | None = None
    comments: list[str] = field(default_factory=list[str])
    size: int = 0  # bytes
    raw: bytes = b""

    @property
    def is_comment(self) -> bool:
        return self.id is None and not self.data and self.retry is None

    def take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments.append(value)
            case "id" if "\0" not in value:
                self.id = value
            case "event":
                self.type = value
            case "data":
                self.data.append(value)
            case "retry":
                self.retry = value
            case _:
                pass  # as the standard says


class SseEvents:
    def __init__(self) -> None:
        self._held = b""  # bytes that are not yet a whole line
        self._raw: list[bytes] = []
        self._event = Event()
        self._first = True

    @property
    def left(self) -> bytes:
        """The bytes of an event that has begun and not ended."""
        return b"".join(self._raw) + self._held

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that are whole now. A comment that stands alone is one, too."""
        seen, start = self._held + data, 0
        if self._first and len(seen) >= 3:
            self._first, start = False, 3 * seen.startswith(b"\xef\xbb\xbf")
        for end in LINE_END.finditer(seen, start):
            if end[0] == b"\r" and end.end() == len(seen):
                break  # perhaps half of \r\n
            line = seen[start : end.start()]
            self._raw.append(seen[start : end.end()])
            start = end.end()
            if line:
                self._event.take(line.decode(errors="replace"))
            stands_alone = line.startswith(b":") and len(self._raw) == 1
            if (not line or stands_alone) and (whole := self._whole()):
                yield whole
        self._held = seen[start:][-LONGEST_LEFT:]

    def _whole(self) -> Event | None:
        event, raw = self._event, b"".join(self._raw)
        self._event, self._raw = Event(), []
        if not raw.strip():
            return None
        event.size, event.raw = len(raw), raw
        return event
