"""Events and their ids, and what keeps them: three methods, and three storages behind them.

event   a message with its id; the message is JSON text
stream  a session has a standing one, which a GET opens, and one for each call, which the call's POST opens
place   the number of an event in its stream: 1, 2, 3, ..., without a hole
id      the stream's name, 18 hexadecimal digits, and the place: `4e2f0c9d71b3a85c06-7`
cursor  the id after which a reader goes on; place 0 stands before the first event

Any worker computes a stream's name from the session's id and the call's. The last six digits are a check sum
over both: so an id that is another session's, or was made up, is refused as one that was never issued.

What jobs need besides, so that two workers never record one step twice, is in `jobs/steps.py`.
"""

import json
import re
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

ID = re.compile(r"([0-9a-f]{12})([0-9a-f]{6})-(0|[1-9][0-9]{0,7})")
NAME = 18  # digits
LAST_PLACE = 99_999_999


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept."""

    def __init__(self, cursor: str | None = None) -> None:
        super().__init__()
        self.cursor = cursor  # after which everything is kept; None: nothing is


class FullError(RuntimeError):
    """The stream has had as many events as it has ids."""

    def __init__(self) -> None:
        super().__init__(f"A stream ends after {LAST_PLACE} events.")


class Event(NamedTuple):
    id: str
    message: str

    @property
    def stream(self) -> str:
        return self.id[:NAME]

    @property
    def place(self) -> int:
        return int(self.id[NAME + 1 :])


@lru_cache(maxsize=10_000, typed=True)
def stream_of(session_id: str, call: int | str | None = None) -> str:
    """The name of the session's standing stream, or of the stream of the call with this JSON-RPC id."""
    own = digits(12, session_id, call)
    return own + digits(6, session_id, own)


@lru_cache(maxsize=10_000, typed=True)
def digits(count: int, *of: int | str | None) -> str:
    return sha256(json.dumps(of).encode()).hexdigest()[:count]


def id_of(stream: str, place: int) -> str:
    if place > LAST_PLACE:
        raise FullError
    return f"{stream}-{place}"


def place_of(session_id: str, event_id: str) -> tuple[str, int]:
    """The stream that an id belongs to, and its place there."""
    found = ID.fullmatch(event_id)
    if not found or found[2] != digits(6, session_id, found[1]):
        raise NotIssuedError(event_id)
    return found[1] + found[2], int(found[3])


def unbroken(after: int, events: list[Event], newest: int | None = None) -> list[Event]:
    """The events, if they follow the place without a hole: places have none, so a hole was evicted (law 7).

    How roughly a storage trims is therefore all the same. `newest` has to be told where there are no events;
    a call's stream that has none was evicted whole.
    """
    if events and events[0].place == after + 1:
        return events
    if newest is not None and after > newest:
        raise NotIssuedError(after)
    if events:
        raise EvictedError(id_of(events[0].stream, events[0].place - 1))
    if after != newest:
        raise EvictedError
    return []


def at_least_0(session_id: str, stream: str, newest: int | None) -> int | None:
    """A standing stream is there before its first event."""
    return 0 if newest is None and stream == stream_of(session_id) else newest


class SSEReplayBuffer(Protocol):
    """What you write to keep events elsewhere: `server.py --buffer module:Class` makes it with max_events."""

    async def record(self, session_id: str, message: str) -> Event:
        """Keep a message under the next id of the session's stream, before anybody is sent it (law 1)."""
        ...

    async def replay(self, session_id: str, after: str | None, limit: int = 1000) -> list[Event]:
        """Up to `limit` events of the id's stream after the id.

        Without an id: the newest event of the standing stream, where its present begins.
        """
        ...

    async def forget(self, session_id: str) -> None:
        """Keep nothing more of the session: it has ended."""
        ...
