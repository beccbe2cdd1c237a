"""Server-Sent Events, as the standard reads them: bytes in, blocks out.

block   the fields before a blank line, of which `id`, `data` and `retry` are read here
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydantic import JsonValue

LINE_END = re.compile(r"\r\n|\n|\r")  # and no other: str.splitlines knows more of them


@dataclass
class Block:
    id: str | None = None  # None: it brings none of its own
    lines: list[str] = field(default_factory=list[str])
    retry: float | None = None  # seconds
    type: str = "message"

    @property
    def data(self) -> str:
        """Empty for a priming event, and for what is not a message."""
        return "\n".join(self.lines) if self.type == "message" else ""


class Parser:
    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest: list[str] = []  # of a line that has not ended yet
        self._after_return = False  # the line feed that may follow it ends no second line
        self._block = Block()

    def feed(self, chunk: bytes) -> Iterator[Block]:
        text = self._decoder.decode(chunk)
        if self._after_return and text:
            text, self._after_return = text.removeprefix("\n"), False
        self._after_return = text.endswith("\r")
        start = 0
        for end in LINE_END.finditer(text):
            line = "".join([*self._rest, text[start : end.start()]])
            self._rest, start = [], end.end()
            if line:
                self._read(line)
            else:
                done, self._block = self._block, Block()
                yield done
        if start < len(text):
            self._rest.append(text[start:])

    def _read(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._block.lines.append(value)
            case "id" if "\0" not in value:
                self._block.id = value
            case "retry" if value.isascii() and value.isdecimal() and len(value) < 10:
                self._block.retry = int(value) / 1000
            case "event":
                self._block.type = value or "message"
            case _:
                pass


def parsed(data: str) -> JsonValue:
    """What is no JSON is taken for the text that it is."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data


def messages(data: str) -> list[dict[str, JsonValue]]:
    """The JSON-RPC messages in it: one, or those of a batch."""
    value = parsed(data)
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def same(one: JsonValue, other: JsonValue) -> bool:
    """The number 7 is not the text "7", nor true the number 1."""
    return type(one) is type(other) and one == other
