"""Events and their ids, the same in each storage.

event   a message with its id; the message is JSON text
place   the number of an event in its session: 1, 2, 3, ..., without a hole
id      sixteen digits, eight that name the session's stream and eight of the place: `4920175300000007`
cursor  the id after which a reader goes on; place 0 stands before the first event

Any worker computes the stream's name from the session's id. So another session's id is refused as one that
was never issued, and the two look alike. Of 10,000 sessions two may share a name (one pair in 10^8 does):
then a foreign id is a place in one's own stream, and what is replayed is one's own, never theirs.
"""

import re
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

ID = re.compile(r"[0-9]{16}")
LAST_PLACE = 99_999_999


class NotIssuedError(LookupError):
    """The id was never issued in this session."""


class EvictedError(LookupError):
    """The id was issued, but what came after it is no longer kept."""


class FullError(RuntimeError):
    """The session has had as many events as it has ids."""


class Event(NamedTuple):
    id: str
    message: str

    @property
    def place(self) -> int:
        return int(self.id[8:])


@lru_cache(maxsize=10_000)
def stream_of(session_id: str) -> str:
    """Eight digits that any worker computes alike, so that another session's id is no id of this one."""
    return f"{int.from_bytes(sha256(session_id.encode()).digest()[:8], 'big') % 10**8:08}"


def id_of(stream: str, place: int) -> str:
    if place > LAST_PLACE:
        raise FullError(f"A session ends after {LAST_PLACE} events.")
    return f"{stream}{place:08}"


def place_of(session_id: str, event_id: str) -> int:
    if not ID.fullmatch(event_id) or event_id[:8] != stream_of(session_id):
        raise NotIssuedError(event_id)
    return int(event_id[8:])


def unbroken(after: int, events: list[Event], newest: int | None = None) -> list[Event]:
    """The events, if they follow the place without a hole: places have none, so a hole was evicted (law 7).

    How roughly a storage trims is therefore all the same. `newest` has to be told where there are no events.
    """
    if events and events[0].place == after + 1:
        return events
    if newest is not None and after > newest:
        raise NotIssuedError(after)
    if events or after != newest:
        raise EvictedError(after)
    return events
