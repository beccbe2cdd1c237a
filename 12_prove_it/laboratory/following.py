"""Following: a stream of a play is read until it is over, on as many connections as it takes.

hasty  a client that does not wait for `retry:`, like one just restarted
away   seconds for which it is gone after the first connection was lost
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from laboratory.peer import Peer
from laboratory.play import Play, values
from laboratory.stream import LONGEST_RETRY, End, Stream, now

SURVEY = 20.0  # seconds for the first word on a stream of which nothing is known yet
SECOND_LOOK = 3  # times its patience the checker looks once more, before it says that nothing comes


@dataclass
class Follower:
    play: Play
    peer: Peer
    home: str
    away: float
    hasty: bool

    async def follow(self, name: str) -> None:
        """Read a stream until it is over, on as many connections as it takes."""
        play, away, hasty = self.play, self.away, self.hasty
        stream = play.streams[name]
        patience = self.patience(name)
        last_news, was_quiet, empty = now(), False, 0
        while True:
            before, began = len(stream.events), now()
            look = patience * SECOND_LOOK if was_quiet and patience else patience
            enough = before if was_quiet else None
            end = await stream.read(
                look, lambda enough=enough: enough is not None and len(stream.events) > enough
            )
            empty += 1
            if len(stream.events) > before:
                last_news, empty = now(), 0
                if was_quiet:
                    came = stream.events[before].at - began
                    if came < self.peer.moment:
                        play.deaf.add(name)  # they were there, and only a new connection brought them
                    else:
                        play.late[name] = came
                    return
            if end is End.REFUSED and not stream.cursor and len(stream.ends) > 1:
                play.blind.add(name)
            if stream.response or end in (End.REFUSED, End.HUNG, End.MISTYPED):
                return
            if end is End.QUIET and (was_quiet or not stream.cursor or not play.oracle.due):
                return  # in an uncut run, this is the end
            rest = 0.0 if hasty else min(LONGEST_RETRY, stream.retry or 0.0)
            grace = (patience or self.peer.patience) + away + 3 * rest
            if empty > 2 and patience and now() - last_news > grace:
                return
            was_quiet = end is End.QUIET
            if not stream.cursor and play.called:
                play.blind.add(name)
                return
            if len(stream.ends) > 3 and len(stream.events) == before:
                rest = max(rest, 0.05 if patience else 0.3)  # an empty connection after another: do not spin
            await asyncio.sleep(max(rest, away if len(stream.ends) == 1 else 0.0))

    async def wait_for_the_rest(self, listening: asyncio.Task[None], linger: float) -> None:
        """Of a standing stream, which does not end."""
        play, get = self.play, self.play.get
        if play.oracle.due:
            due = play.due("GET")
            await first_of(listening, get.wait(lambda: not due or len(values(get)) >= len(due)))
            await asyncio.wait({listening}, timeout=linger)
            return
        quiet_since = -1
        while quiet_since != len(get.events):  # an uncut run, whose length is not known yet
            quiet_since = len(get.events)
            gaps = [b.at - a.at for a, b in zip(get.events, get.events[1:], strict=False)]
            await asyncio.wait(
                {listening}, timeout=max([linger + self.rest(get), *(3 * gap for gap in gaps)])
            )

    @staticmethod
    def rest(stream: Stream) -> float:
        """How long a client has to wait before it comes back; a server may not have said yet."""
        return min(LONGEST_RETRY, stream.retry or 0.0) if End.OVER in stream.ends else 0.0

    def patience(self, name: str) -> float | None:
        """Seconds without a message until one is sure that none comes; None: until the play is over."""
        play = self.play
        surveying = not play.oracle.due
        if name == "GET":
            return None if surveying or not play.due("GET") else self.silence
        if surveying:
            return SURVEY
        later = (
            play.oracle.lasts if self.home == "GET" else 0.0
        )  # its response may come when all else is said
        return self.silence + later

    @property
    def silence(self) -> float:
        return self.peer.patience + 3 * self.play.oracle.longest_gap


async def first_of(task: asyncio.Task[None], other: Coroutine[None, None, None]) -> None:
    """Until one of them is done; the other is ours to end."""
    waiting = asyncio.create_task(other)
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
