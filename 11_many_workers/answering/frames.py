"""How events stand on the wire."""

import json
from collections.abc import Sequence

from replay_buffer import Event

COMPACT = json.JSONEncoder(separators=(",", ":"))


def opened(retry: int, cursor: str | None = None) -> bytes:
    """What begins a stream; a cursor is there before the first message."""
    priming = f"id: {cursor}\ndata:\n\n" if cursor else ""
    return f"retry: {retry}\n{priming}".encode()


def framed(event: Event) -> bytes:
    """Without a buffer an event has no place, and so no id."""
    name = f"id: {event.id}\n" if event.place else ""
    return f"event: message\n{name}data: {event.message}\n\n".encode()


def ends(events: Sequence[Event]) -> bool:
    """A call's stream ends with the response, the only message in it that has no method."""
    return bool(events) and "method" not in json.loads(events[-1].message)
