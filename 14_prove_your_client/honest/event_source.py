"""Reads server-sent events as the standard says: any line end, any split, and half an event is none.

cursor  the id of the newest event that came whole; `Last-Event-ID` carries it back
retry   seconds to wait before the next connection, as the server has said
"""

import codecs
from collections.abc import Generator
from dataclasses import dataclass


@dataclass
class Event:
    kind: str
    data: str


class EventSource:
    """One stream, over all its connections."""

    def __init__(self, retry: float, *, counts_halves: bool = False) -> None:
        self.cursor: str | None = None
        self.retry = retry
        self._counts_halves = counts_halves
        self.connect()

    def connect(self) -> None:
        """A new connection begins; what was pending on the last one is gone."""
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text: str = ""
        self._at_start, self._after_cr = True, False
        self._clear()

    def _clear(self) -> None:
        self._kind, self._data, self._id = "", list[str](), None

    def feed(self, chunk: bytes) -> Generator[Event]:
        """The events that are whole now."""
        text = self._decoder.decode(chunk)
        if not text:
            return
        if self._at_start:
            text = text.removeprefix("\ufeff")
        if self._after_cr:
            text = text.removeprefix("\n")
        self._at_start = self._after_cr = False
        self._text += text
        for line in self._lines():
            if line:
                self._field(line)
            else:
                yield from self._dispatch()

    def _lines(self) -> Generator[str]:
        """CR, LF and CR LF end a line. The LF of a CR LF may come with the next chunk."""
        while places := [place for mark in "\r\n" if (place := self._text.find(mark)) >= 0]:
            line, rest = self._text[: min(places)], self._text[min(places) :]
            self._text = rest[2:] if rest.startswith("\r\n") else rest[1:]
            self._after_cr = rest == "\r"
            yield line

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._kind = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._id = value
                if self._counts_halves:  # LIE
                    self.cursor = value
            case "retry" if value.isascii() and value.isdecimal():
                self.retry = int(value) / 1000
            case _:
                pass  # a comment, or a field that nobody knows

    def _dispatch(self) -> Generator[Event]:
        """An empty line: the event is whole, and only now its id counts."""
        if self._id is not None:
            self.cursor = self._id or None
        event = Event(self._kind or "message", "\n".join(self._data))
        self._clear()
        if event.data:
            yield event
