"""The laboratory: calls one tool in sessions of their own, and cuts their streams.

home    the stream on which the tool's messages come: the POST's own, or the session's standing GET
whole   of a tool that varies from run to run: what a resume from its first id brings in the end
fast    the same with the second set of arguments: many messages, close together; long: with long pauses
window  how many messages of a stream can be had again, as far as was seen; beyond it a 410 is honest
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from random import Random

import httpx
from pydantic import JsonValue

from laboratory.events import messages
from laboratory.following import Follower, first_of
from laboratory.oracle import Fault, Oracle, Verdict
from laboratory.outcomes import UnknownError
from laboratory.peer import Peer
from laboratory.play import Cuts, Play
from laboratory.session import FullError, Session
from laboratory.stream import LONGEST_RETRY, End, Stream, Token, now
from laboratory.wire import wire

TRIES = 4  # for a session; a server that has none to give now may have one in a moment
LINGER = 0.25  # seconds in which a standing stream may yet bring what it should not
LAZY = 0.5  # seconds; some servers do not answer a GET before there is something to send
MOST_KEPT = 20_000  # messages of a session; who keeps more on purpose says so with --flood

opened: ContextVar[list[Session]] = ContextVar("opened")


@asynccontextmanager
async def tidy() -> AsyncGenerator[None]:
    """The sessions that are opened in here are ended: what is tried must not fill the server."""
    opened.set([])
    try:
        yield
    finally:
        await leave()


async def leave() -> None:
    """The sessions that were opened are ended now."""
    sessions = opened.get()
    while sessions:
        with contextlib.suppress(httpx.RequestError, TimeoutError):
            await sessions.pop().delete()


class Lab:
    def __init__(self, peer: Peer, tool: str, rng: Random, flood: int | None) -> None:
        self.peer, self.tool = peer, tool
        self.flood, self.most_kept = flood, flood or MOST_KEPT
        self.slow, self.fast, self.long = Oracle(), Oracle(), Oracle()
        self.home = "POST"
        self.primes: set[str] = set()  # the streams that begin with an id and no message
        self.has_get = True
        self.offers_get = False  # a standing stream, whether or not this tool sends anything there
        self.ids_are_global = False
        self.response_is_last = False  # of a tool whose messages come on the other stream
        self.window = 0
        self.sure = False  # that its tool does not vary
        self.seen: list[Fault] = []  # in runs that nobody cut
        self.confirmed: set[Verdict] = set()  # of those that rest on silence
        self.uncut: list[Play] = []
        self.surveying, self.flooding, self.alone = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self.flooded: object = None  # see laws/eviction.py
        self.crowded = False  # the server gives few sessions: questions are put one after another
        self._rng = rng
        self.owners: dict[tuple[str, str], tuple[str, str]] = {}
        self.tokens: dict[Token, tuple[str, str]] = {}  # the session and the stream that each is of

    @property
    def tool_varies(self) -> bool:
        return self.slow.varies or self.fast.varies

    async def session(self, *, text_ids: bool = False) -> Session:
        """A new one; a server that has none to give now may have one in a moment."""
        attempt = 0
        while True:
            try:
                session = await Session.open(self.peer, self._rng.randrange(1, 1_000_000), text_ids=text_ids)
            except FullError as full:
                attempt += 1
                if attempt == TRIES and self.crowded:
                    wanted = len(opened.get()) + 1
                    raise UnknownError(
                        f"the server gives fewer sessions than it takes, {wanted} at once: 429 {full}"
                    ) from None
                if attempt == TRIES:
                    raise
                await asyncio.sleep(0.2 * 2**attempt)
            else:
                opened.get().append(session)
                return session

    def token(self, session: Session, stream: str, *, as_number: bool = False, more: str = "") -> Token:
        token = secrets.randbits(48) if as_number else f"prove-it-{secrets.token_hex(6)}{more}"
        self.tokens[token] = (session.id, stream)
        return token

    async def play(
        self,
        oracle: Oracle,
        cuts: Cuts | None = None,
        *,
        away: float = 0.0,
        hasty: bool = False,
        session: Session | None = None,
        linger: float = LINGER,
        calls: int = 1,
        listen: bool = False,
        more: str = "",
        direct: bool = False,
    ) -> Play:
        """Calls, from start to end. A hasty client does not wait for `retry:`, like one just restarted.

        listen  on the standing stream, though nothing is due there
        more    that follows each token; direct: without a wire
        """
        primed_before = session is not None  # some greet a session, and not each of its streams
        session = session or await self.session()
        cuts = cuts or {}
        async with AsyncExitStack() as stack:
            posts: list[Stream] = []

            async def a_wire(name: str) -> Stream:
                through = None
                if not direct:
                    planned = cuts.get(name, ())
                    through = await stack.enter_async_context(wire(self.peer.url, planned, self.peer.tls))
                return Stream(session, name.partition(" ")[0], through)

            for number in range(1, calls + 1):
                name = "POST" if number == 1 else f"POST {number}"
                token = self.token(session, name, as_number=session.text_ids, more=more)
                params: JsonValue = {
                    "name": self.tool,
                    "arguments": oracle.arguments,
                    "_meta": {"progressToken": token},
                }
                post = await a_wire(name)
                post.tokens, post.request = (token,), session.body("tools/call", params)
                posts.append(post)
            play = Play(session, oracle, posts, await a_wire("GET"))
            play.get.tokens = tuple(token for post in posts for token in post.tokens)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            listening: asyncio.Task[None] | None = None
            follower = Follower(play, self.peer, self.home, away, hasty)
            if self.has_get or (listen and self.offers_get):
                listening = tasks.create_task(follower.follow("GET"))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(
                        None if "GET" in self.primes and not primed_before else LAZY + self.peer.latency
                    ):
                        await first_of(listening, play.get.wait(lambda: self._is_ready(play.get)))
            play.called = now()
            await asyncio.gather(*(follower.follow(name) for name in play.streams if name != "GET"))
            if listening:
                await follower.wait_for_the_rest(listening, linger + self.peer.latency)
                listening.cancel()
        if oracle.varies:
            for name, stream in play.streams.items():
                if name != "GET":
                    play.wholes[name] = await whole_of(stream)
        for name, stream in play.streams.items():
            for event in stream.events:
                self.owners.setdefault((event.id, event.data), (session.id, f"{name} {play.token}"))
        return play

    def _is_ready(self, get: Stream) -> bool:
        return bool(get.cursor) or (get.stands.is_set() and "GET" not in self.primes)


async def whole_of(post: Stream) -> list[str] | None:
    """All that a resume from its first id brings when a call is over; None: that is refused."""
    if not post.ids:
        return None
    again = Stream(post.session, "GET", cursor=post.ids[0])

    def has_ended() -> bool:
        return any("method" not in message for event in again.events[-1:] for message in messages(event.data))

    before = -1
    while before < len(again.events) and not has_ended():
        before = len(again.events)
        if await again.read(post.session.peer.patience, has_ended) is not End.OVER:
            break
        await asyncio.sleep(min(LONGEST_RETRY, again.retry or 0.0))
    if again.ends[0] is End.REFUSED:
        return None
    first = [event.data for event in post.events[:1] if event.id == post.ids[0]]  # where nothing primes
    return first + again.data
