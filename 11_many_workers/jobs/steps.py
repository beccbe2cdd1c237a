"""What jobs need of a buffer, besides its three methods: each step of a call is recorded once, in its turn.

step  a message of a call, with its number: so the call's stream itself says how far the call is
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from replay_buffer import Event, SSEReplayBuffer


@dataclass(frozen=True, slots=True)
class Step:
    """Recorded only if it is the next one: two workers cannot both record it."""

    stream: str
    number: int  # its place
    last: bool = False  # the answer


@runtime_checkable
class StepBuffer(SSEReplayBuffer, Protocol):
    """A buffer that knows the calls of a session, and keeps a stream for each."""

    async def record_step(self, session_id: str, message: str, step: Step) -> Event | None:
        """Keep a step in its call's stream. None: it is recorded already, or is not the next one."""
        ...

    async def steps_done(self, session_id: str, stream: str) -> int:
        """The number of the last step that is recorded; 0: none, or nothing is kept of the call."""
        ...
