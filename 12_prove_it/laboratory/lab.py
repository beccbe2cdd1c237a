"""The laboratory: calls one tool in sessions of their own, cuts their streams, and holds them to the oracle.

play    one call of the tool, on streams that are cut as planned and resumed by a client that obeys
home    the stream on which the tool's messages come: the POST's own, or the session's standing GET
fast    the same with the second set of arguments: many messages, close together
blind   a stream that was lost before its first id came: nobody can resume that, and it proves nothing
"""

import asyncio
import contextlib
import re
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random

import httpx
from pydantic import JsonValue

from laboratory.oracle import Fault, Oracle, Verdict
from laboratory.peer import Peer
from laboratory.session import LONGEST_RETRY, End, Session, Stream, now
from laboratory.wire import Cut, wire

TOKEN = re.compile(r"prove-it-[0-9a-f]{12}")
LINGER = 0.25  # seconds in which a standing stream may yet bring what it should not
SURVEY = 20.0  # seconds for the first word on a stream of which nothing is known yet
LAZY = 0.5  # seconds; some servers do not answer a GET before there is something to send
PROBE = 1.0  # seconds for a second look at a stream on which nothing comes

Arguments = dict[str, JsonValue]
Cuts = Mapping[str, Sequence[Cut]]


opened: ContextVar[list[Session]] = ContextVar("opened")


@asynccontextmanager
async def tidy() -> AsyncGenerator[None]:
    """The sessions that are opened in here are ended: what is tried must not fill the server."""
    sessions: list[Session] = []
    opened.set(sessions)
    try:
        yield
    finally:
        for session in sessions:
            with contextlib.suppress(httpx.TransportError, TimeoutError):
                await session.delete()


class BrokenError(Exception):
    """A law is broken: by which fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.verdict)
        self.fault = fault


class NotReachedError(Exception):
    """The question could not be put to this server, and why."""


class UnfitError(Exception):
    """Nothing can be proven with this server or tool, and why."""


class NothingToResumeError(UnfitError):
    """The server does not offer resumption: that is no fault."""


@dataclass
class Play:
    session: Session
    token: str
    oracle: Oracle
    post: Stream
    get: Stream
    deaf: set[str] = field(default_factory=set[str])
    blind: set[str] = field(default_factory=set[str])
    called: bool = False

    @property
    def streams(self) -> tuple[Stream, Stream]:
        return self.post, self.get

    def evidence(self) -> str:
        return "\n".join(stream.evidence() for stream in self.streams)


class Lab:
    def __init__(self, peer: Peer, tool: str, slow: Arguments, fast: Arguments | None, rng: Random) -> None:
        self.peer, self.tool = peer, tool
        self.slow_args, self.fast_args = slow, fast
        self.slow, self.fast = Oracle(), Oracle()
        self.home = "POST"
        self.primes: set[str] = set()  # the streams that begin with an id and no message
        self.has_get = True
        self.ids_are_global = False
        self.response_is_last = False  # of a tool whose messages come on the other stream
        self.uncut: list[Play] = []
        self.evicting = asyncio.Lock()
        # What an evicted id brings (None: nothing was evicted), after how many messages.
        self.evicted: tuple[Stream | None, int] | None = None
        self._rng = rng
        self._owners: dict[tuple[str, str], tuple[str, str]] = {}
        self._tokens: dict[str, str] = {}

    async def session(self) -> Session:
        session = await Session.open(self.peer, self._rng.randrange(1, 1_000_000))
        opened.get().append(session)
        return session

    async def play(
        self,
        oracle: Oracle,
        cuts: Cuts | None = None,
        *,
        away: float = 0.0,
        hasty: bool = False,
        session: Session | None = None,
        linger: float = LINGER,
    ) -> Play:
        """One call from start to end. A hasty client does not wait for `retry:`, like one just restarted."""
        session = session or await self.session()
        token = f"prove-it-{secrets.token_hex(6)}"
        self._tokens[token] = session.id
        arguments = self.slow_args if oracle is self.slow else self.fast_args or {}
        meta: JsonValue = {"progressToken": token}
        call = session.body("tools/call", {"name": self.tool, "arguments": arguments, "_meta": meta})
        cuts = cuts or {}
        async with AsyncExitStack() as stack:
            to_post = await stack.enter_async_context(wire(self.peer.url, cuts.get("POST", ())))
            to_get = await stack.enter_async_context(wire(self.peer.url, cuts.get("GET", ())))
            post = Stream(session, "POST", to_post, call)
            play = Play(session, token, oracle, post, Stream(session, "GET", to_get))
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            listening = tasks.create_task(self._follow(play, play.get, away, hasty)) if self.has_get else None
            if listening:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if "GET" in self.primes else LAZY):
                        await first_of(listening, play.get.wait(lambda: self._is_ready(play.get)))
            play.called = True
            await self._follow(play, play.post, away, hasty)
            if listening:
                await self._wait_for_the_rest(play, listening, linger)
                listening.cancel()
        for stream in play.streams:
            for event in stream.events:
                self._owners.setdefault((event.id, event.data), (session.id, f"{stream.method} {token}"))
        return play

    def _is_ready(self, get: Stream) -> bool:
        return bool(get.cursor) or (get.stands.is_set() and "GET" not in self.primes)

    async def _wait_for_the_rest(self, play: Play, listening: asyncio.Task[None], linger: float) -> None:
        due = play.oracle.due.get("GET")
        if due is not None:
            await first_of(listening, play.get.wait(lambda: len(play.get.events) >= len(due)))
            await asyncio.wait({listening}, timeout=linger)
            return
        quiet_since = -1
        while quiet_since != len(play.get.events):  # an uncut run, whose length is not known yet
            quiet_since = len(play.get.events)
            await asyncio.wait({listening}, timeout=linger)

    async def _follow(self, play: Play, stream: Stream, away: float, hasty: bool) -> None:
        """Read a stream until it is over, on as many connections as it takes."""
        patience = self.peer.patience + 3 * play.oracle.longest_gap
        if stream is play.post and self.home == "GET":
            patience += play.oracle.lasts  # its response may come when all is said on the other stream
        if stream is play.post and not play.oracle.due:
            patience = SURVEY
        last_news, was_quiet = now(), False
        while True:
            before = len(stream.events)
            end = await stream.read(PROBE if was_quiet else patience, lambda: False)
            if len(stream.events) > before:
                last_news = now()
                if was_quiet:
                    play.deaf.add(stream.method)
            if end is End.REFUSED and not stream.cursor and len(stream.ends) > 1:
                play.blind.add(stream.method)
            if stream.response or end in (End.REFUSED, End.HUNG):
                return
            if end is End.QUIET and (was_quiet or not stream.cursor or not play.oracle.due):
                return  # in an uncut run, this is the end
            if end in (End.OVER, End.LOST) and now() - last_news > patience + away:
                return
            was_quiet = end is End.QUIET
            if not stream.cursor and play.called:
                play.blind.add(stream.method)
                return
            rest = 0.0 if hasty else min(LONGEST_RETRY, stream.retry or 0.0)
            if len(stream.ends) > 3 and len(stream.events) == before:
                rest = max(rest, 0.05)  # an empty connection after another: do not spin
            await asyncio.sleep(max(rest, away if len(stream.ends) == 1 else 0.0))

    def must_be_whole(self, play: Play) -> None:
        """What came on each stream is what an uncut run gives, or a law is broken."""
        for stream in play.streams:
            if stream.method not in play.blind and (fault := self._fault(play, stream)):
                fault.evidence = stream.evidence()
                raise BrokenError(fault)

    def _fault(self, play: Play, stream: Stream) -> Fault | None:
        if End.REFUSED in stream.ends[1:] and stream.answer:
            came = f"{stream.answer.status} {stream.answer.text[:200]}"
            return Fault(Verdict.LOST, f"the stream, resumed after its own id {stream.cursor!r}", came)
        if End.HUNG in stream.ends:
            return Fault(
                Verdict.HUNG, f"an answer to the {stream.method}", f"none in {self.peer.patience:g} s"
            )
        if stream.method in play.deaf:
            told = "nothing more, until the client connected once again"
            return Fault(Verdict.DEAF, "after the backlog the live tail, on one connection", told)
        fault = play.oracle.compare(stream.method, stream.events, self._foreign(play, stream))
        if fault and fault.verdict is Verdict.CANCELLED and self.response_is_last and play.post.response:
            fault.verdict = Verdict.LOST  # the tool ran to its end, and said so
        return fault

    def _foreign(self, play: Play, stream: Stream) -> Counter[Verdict]:
        """What is another's, session or stream: by the token in it, or by an id that was seen there."""
        found: Counter[Verdict] = Counter()
        due = play.oracle.due.get(stream.method, [])
        whole = [play.oracle.plain(event.data) for event in stream.events] == due
        for event in stream.events:
            tokens = set(TOKEN.findall(event.data)) - {play.token}
            owners = {self._tokens[token] for token in tokens if token in self._tokens}
            if not whole and self.ids_are_global and event.id:
                owner, on = self._owners.get((event.id, event.data), (play.session.id, stream.method))
                if owner != play.session.id or not on.startswith(stream.method):
                    owners.add(owner)
            for owner in owners:
                same = owner == play.session.id
                found[Verdict.FOREIGN_STREAM if same else Verdict.FOREIGN_SESSION] += 1
        return found


async def first_of(task: asyncio.Task[None], other: Coroutine[None, None, None]) -> None:
    """Until one of them is done; the other is ours to end."""
    waiting = asyncio.create_task(other)
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
