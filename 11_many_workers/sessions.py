"""Sessions, kept where their events are, so that any worker can serve any request.

use     whatever shows that a session is still needed: a request, an open stream, work; it renews the time
        after which a session that nothing uses is over
reader  the GET that carries the stream now, whichever worker serves it: the last to come
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    protocol: str
    reader: str  # empty until somebody reads

    def __str__(self) -> str:
        return f"session {self.id[:8]}"  # never the whole: who knows it is in


class SessionStore(Protocol):
    async def open(self, protocol: str, most: int) -> Session | None:
        """A new session, or None if there are as many as may be."""
        ...

    async def use(self, session_id: str) -> Session | None:
        """The session, its time renewed, or None: it is unknown or over."""
        ...

    async def has(self, session_id: str) -> bool:
        """Whether it is open. Its time is not renewed: what is sent to a session is no use of it."""
        ...

    async def read_by(self, session_id: str, reader: str) -> None: ...

    async def end(self, session_id: str) -> bool: ...


Forget = Callable[[str], Awaitable[None]]


async def keep(session_id: str) -> None:
    """For a session without a buffer: there is nothing to forget."""
