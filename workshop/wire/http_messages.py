"""One direction of a connection, cut into HTTP/1.1 messages as the bytes come. It never fails.

blind  what came was not HTTP, or has become something else: from then on bytes are only counted
"""

from collections.abc import Callable
from typing import Protocol

LONGEST_HEAD = 65_536
Headers = list[tuple[str, str]]
Step = Callable[[bytes], bytes]  # takes what it needs, and gives back the rest


class Listener(Protocol):
    def head(self, start: list[str], headers: Headers) -> bool:
        """The start line's three parts. Whether a body may follow."""
        ...

    def body(self, data: bytes) -> None: ...

    def end(self) -> None: ...


def value_of(headers: Headers, name: str) -> str | None:
    return next((value for key, value in headers if key.lower() == name), None)


class HttpMessages:
    def __init__(self, listener: Listener, *, body_until_close: bool) -> None:
        """Only a response may have a body that ends with the connection."""
        self._listener, self._body_until_close = listener, body_until_close
        self._held = b""  # the beginning of a line or of a head
        self._left = 0  # bytes of the body or of the chunk
        self._step: Step = self._head
        self.is_inside_head = False

    def feed(self, data: bytes) -> None:
        while data:
            data = self._step(data)
        self.is_inside_head = self._step == self._head and bool(self._held)

    def close(self) -> None:
        """No more will come. A body without a length is whole then."""
        if self._step == self._until_close:
            self._end()

    def _end(self) -> None:
        self._step = self._head
        self._listener.end()

    def _blind(self, _data: bytes) -> bytes:
        return b""

    def _until(self, mark: bytes, data: bytes) -> tuple[bytes | None, bytes]:
        """What stands before the mark, and what follows it; None as long as it has not come."""
        seen = self._held + data
        before, found, rest = seen.partition(mark)
        if found:
            self._held = b""
            return before, rest
        self._held = seen
        if len(seen) > LONGEST_HEAD:
            self._step, self._held = self._blind, b""
        return None, b""

    def _head(self, data: bytes) -> bytes:
        head, rest = self._until(b"\r\n\r\n", data)
        if head is None:
            return rest
        first, *lines = head.lstrip(b"\r\n").decode("latin-1").split("\r\n")
        start = first.split(" ", 2)
        if len(start) < 2 or not any(part.startswith("HTTP/1.") for part in (start[0], start[-1])):
            self._step = self._blind
            return b""
        headers = [
            (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        may_have_body = self._listener.head([*start, ""][:3], headers)
        self._step = self._body_of(headers) if may_have_body else self._head
        if not may_have_body:
            self._listener.end()
        elif self._step == self._head:
            self._end()
        return rest

    def _body_of(self, headers: Headers) -> Step:
        if "chunked" in (value_of(headers, "transfer-encoding") or "").lower():
            return self._size
        length = value_of(headers, "content-length")
        if length is None:
            return self._until_close if self._body_until_close else self._head
        if not (length.isascii() and length.isdecimal() and len(length) < 19):
            return self._blind
        self._left = int(length)
        return self._counted if self._left else self._head

    def _counted(self, data: bytes) -> bytes:
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        self._listener.body(part)
        if not self._left:
            self._end()
        return rest

    def _size(self, data: bytes) -> bytes:
        line, rest = self._until(b"\r\n", data)
        if line is None:
            return rest
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            self._step = self._blind
            return b""
        self._step = self._chunk if self._left else self._trailer
        return rest

    def _chunk(self, data: bytes) -> bytes:
        part, rest = data[: self._left], data[self._left :]
        self._left -= len(part)
        self._listener.body(part)
        if not self._left:
            self._step = self._after_chunk
        return rest

    def _after_chunk(self, data: bytes) -> bytes:
        line, rest = self._until(b"\r\n", data)
        if line is not None:
            self._step = self._size
        return rest

    def _trailer(self, data: bytes) -> bytes:
        line, rest = self._until(b"\r\n", data)
        if line == b"":
            self._end()
        return rest

    def _until_close(self, data: bytes) -> bytes:
        self._listener.body(data)
        return b""
