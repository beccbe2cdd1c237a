"""The laboratory: calls one tool in sessions of their own, cuts their streams, and holds them to the oracle.

play    a call of the tool, or some at once, on streams that are cut as planned, and resumed
home    the stream on which the tool's messages come: the POST's own, or the session's standing GET
fast    the same with the second set of arguments: many messages, close together; long: with long pauses
blind   a stream that was lost before its first id came: nobody can resume that, and it proves nothing
window  how many messages of a stream can be had again, as far as was seen; beyond it a 410 is honest
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from random import Random

import httpx
from pydantic import JsonValue

from laboratory.events import messages, same
from laboratory.oracle import Fault, Oracle, Verdict, is_noise
from laboratory.peer import Peer
from laboratory.session import LONGEST_RETRY, End, Event, FullError, Session, Stream, Token, now
from laboratory.wire import Cut, wire

LINGER = 0.25  # seconds in which a standing stream may yet bring what it should not
SURVEY = 20.0  # seconds for the first word on a stream of which nothing is known yet
LAZY = 0.5  # seconds; some servers do not answer a GET before there is something to send
MOST_KEPT = 20_000  # messages of a session; who keeps more on purpose says so with --flood
SURELY = 0.8  # of the shortest uncut run
SECOND_LOOK = 3  # times its patience the checker looks once more, before it says that nothing comes

Arguments = dict[str, JsonValue]
Cuts = Mapping[str, Sequence[Cut]]  # by the stream: "POST", "GET", and of further calls "POST 2", ...
PREFERRED = (Verdict.FOREIGN_SESSION, Verdict.FOREIGN_STREAM, Verdict.CORRUPTED)

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
            with contextlib.suppress(httpx.RequestError, TimeoutError):
                await session.delete()


class BrokenError(Exception):
    """A law is broken, or some: by these faults."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(", ".join(fault.verdict for fault in faults))
        self.faults = faults


class NotReachedError(Exception):
    """The question does not apply to this server, and why."""


class UnknownError(Exception):
    """The question could not be put to its end, and why."""


class UnfitError(Exception):
    """Nothing can be proven with this server or tool, and why."""


class NothingToResumeError(UnfitError):
    """The server does not offer resumption: that is no fault."""


@dataclass
class Play:
    session: Session
    oracle: Oracle
    posts: list[Stream]
    get: Stream
    deaf: set[str] = field(default_factory=set[str])
    late: dict[str, float] = field(
        default_factory=dict[str, float]
    )  # seconds that a resumed stream stood still
    blind: set[str] = field(default_factory=set[str])
    called: float = 0.0  # when

    @property
    def post(self) -> Stream:
        return self.posts[0]

    @property
    def token(self) -> Token:
        return self.post.tokens[0]

    @property
    def streams(self) -> dict[str, Stream]:
        return {"POST": self.post, "GET": self.get} | {
            f"POST {n}": stream for n, stream in enumerate(self.posts[1:], 2)
        }

    def early(self, times: Sequence[float]) -> int:
        """How many of these times were surely before the tool had ended."""
        return sum(time - self.called < SURELY * self.oracle.shortest for time in times)

    def due(self, name: str) -> list[str]:
        """What is due on one of its streams; on the standing one, what all calls send."""
        if name == "GET":
            return self.oracle.due.get("GET", []) * len(self.posts)
        return self.oracle.due.get("POST", [])

    def evidence(self) -> str:
        return "\n".join(stream.evidence() for stream in self.streams.values())


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
        self.confirmed: set[Verdict] = set()  # of those that rest on silence
        self.uncut: list[Play] = []
        self.flooding, self.alone = asyncio.Lock(), asyncio.Lock()
        self.flooded: object = None  # see laws/eviction.py
        self._rng = rng
        self._owners: dict[tuple[str, str], tuple[str, str]] = {}
        self._tokens: dict[Token, tuple[str, str]] = {}  # the session and the stream that each is of

    async def session(self, *, text_ids: bool = False) -> Session:
        """A new one; a server that has none to give now may have one in a moment."""
        for attempt in range(8):
            try:
                session = await Session.open(self.peer, self._rng.randrange(1, 1_000_000), text_ids=text_ids)
            except FullError as error:
                if attempt == 7:
                    raise UnknownError(f"no session could be had: 429 {error}") from None
                await asyncio.sleep(0.25 * 2**attempt)
            else:
                opened.get().append(session)
                return session
        raise AssertionError

    def token(self, session: Session, stream: str, *, as_number: bool = False, more: str = "") -> Token:
        token = secrets.randbits(48) if as_number else f"prove-it-{secrets.token_hex(6)}{more}"
        self._tokens[token] = (session.id, stream)
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
            if self.has_get or (listen and self.offers_get):
                listening = tasks.create_task(self._follow(play, "GET", away, hasty))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(
                        None if "GET" in self.primes and not primed_before else LAZY + self.peer.latency
                    ):
                        await first_of(listening, play.get.wait(lambda: self._is_ready(play.get)))
            play.called = now()
            await asyncio.gather(
                *(self._follow(play, name, away, hasty) for name in play.streams if name != "GET")
            )
            if listening:
                await self._wait_for_the_rest(play, listening, linger + self.peer.latency)
                listening.cancel()
        for name, stream in play.streams.items():
            for event in stream.events:
                self._owners.setdefault((event.id, event.data), (session.id, f"{name} {play.token}"))
        return play

    def _is_ready(self, get: Stream) -> bool:
        return bool(get.cursor) or (get.stands.is_set() and "GET" not in self.primes)

    async def _wait_for_the_rest(self, play: Play, listening: asyncio.Task[None], linger: float) -> None:
        get = play.get
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
                {listening}, timeout=max([linger + self._rest(get), *(3 * gap for gap in gaps)])
            )

    @staticmethod
    def _rest(stream: Stream) -> float:
        """How long a client has to wait before it comes back; a server may not have said yet."""
        return min(LONGEST_RETRY, stream.retry or 0.0) if End.OVER in stream.ends else 0.0

    def patience(self, play: Play, name: str) -> float | None:
        """Seconds without a message until one is sure that none comes; None: until the play is over."""
        surveying = not play.oracle.due
        if name == "GET":
            return None if surveying or not play.due("GET") else self._silence(play)
        if surveying:
            return SURVEY
        later = (
            play.oracle.lasts if self.home == "GET" else 0.0
        )  # its response may come when all else is said
        return self._silence(play) + later

    def _silence(self, play: Play) -> float:
        return self.peer.patience + 3 * play.oracle.longest_gap

    async def _follow(self, play: Play, name: str, away: float, hasty: bool) -> None:
        """Read a stream until it is over, on as many connections as it takes."""
        stream = play.streams[name]
        patience = self.patience(play, name)
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

    def must_be_whole(self, play: Play) -> None:
        """What came on each stream is what an uncut run gives, or laws are broken."""
        faults: list[Fault] = []
        bound: NotReachedError | None = None
        for name, stream in play.streams.items():
            if name in play.blind:
                continue
            try:
                found = self._fault(play, name, stream)
            except NotReachedError as passed:
                bound = passed
                continue
            if found:
                found.evidence = stream.evidence()
                faults.append(found)
        if faults:
            raise BrokenError(*faults)
        if bound:
            raise bound

    def _fault(self, play: Play, name: str, stream: Stream) -> Fault | None:
        compared = self._compared(play, name, stream)
        if compared and compared.verdict in PREFERRED:
            return compared
        if stream.reused:
            event_id, first, second = stream.reused[0]
            both = {play.oracle.plain(stream.own(data)) for data in (first, second)} <= set(play.due(name))
            verdict = Verdict.MOVED if both else Verdict.CORRUPTED
            return Fault(verdict, f"under the id {event_id!r} always {first[:150]}", second[:150])
        if stream.answer and stream.ends and stream.ends[-1] is End.MISTYPED:
            return Fault(
                Verdict.MISLABELLED,
                "Content-Type: text/event-stream",
                f"{stream.answer.status}, Content-Type: {stream.answer.type or '(none)'}",
            )
        if End.REFUSED in stream.ends[1:] and stream.answer:
            missed = len(play.due(name)) - len(values(stream))
            if stream.answer.status == 410 and stream.answer.refusal() and missed > 0.6 * self.window > 1:
                raise NotReachedError(
                    f"410, aloud: the window of about {self.window} messages was passed while it was away"
                )
            came = f"{stream.answer.status} {stream.answer.text[:200]}"
            return Fault(Verdict.LOST, f"the stream, resumed after its own id {stream.cursor!r}", came)
        if End.HUNG in stream.ends:
            return Fault(
                Verdict.HUNG, f"an answer to the {stream.method}", f"none in {self.peer.patience:g} s"
            )
        if name in play.deaf:
            told = "nothing more, until the client connected once again"
            return Fault(Verdict.DEAF, "after the backlog the live tail, on one connection", told)
        if name in play.late:
            told = f"nothing for {play.late[name]:.1f} s on a connection that stood"
            return Fault(Verdict.HUNG, "its messages as soon as it is resumed", told)
        return compared

    def _compared(self, play: Play, name: str, stream: Stream) -> Fault | None:
        due, events = play.due(name), values(stream)
        came = [play.oracle.plain(stream.own(event.data)) for event in events]
        if came == due:
            return None
        foreign = self._foreign(play, name, events)
        if foreign:
            verdict, number = foreign.most_common(1)[0]
            wanted = f"the {len(due)} messages of this call"
            return Fault(verdict, wanted, f"{number} of another one among {len(came)}")
        if twice := (set(came) - set(due)) & self._elsewhere(play, name):
            told = f"{len(twice)} of its messages on the {stream.method} stream, where none is due"
            return Fault(Verdict.DOUBLED, "each message on one stream only", told)
        calls = len(play.posts) if name == "GET" else 1
        fault = play.oracle.compare(due, events, came, calls)
        if fault and fault.verdict is Verdict.CANCELLED:
            if self.response_is_last and play.post.response:
                fault.verdict = Verdict.LOST  # the tool ran to its end, and said so
            elif stream.ends[-1] is End.LOST:
                fault.verdict, fault.came = (
                    Verdict.LOST,
                    f"{fault.came}; the server breaks the connection off",
                )
        return fault

    def _elsewhere(self, play: Play, name: str) -> set[str]:
        """What is due on the other streams of a play, the messages of other calls alike."""
        return set(play.due("POST" if name == "GET" else "GET")) - set(play.due(name))

    def _foreign(self, play: Play, name: str, events: Sequence[Event]) -> Counter[Verdict]:
        """What is another's, session or stream: by the token in it, or by an id that was seen there."""
        found: Counter[Verdict] = Counter()
        own = play.session.id
        for event in events:
            for session_id, stream in self._owners_of(play, name, event):
                if session_id != own:
                    found[Verdict.FOREIGN_SESSION] += 1
                elif stream != name and name != "GET":
                    found[Verdict.FOREIGN_STREAM] += 1
        return found

    def _owners_of(self, play: Play, name: str, event: Event) -> set[tuple[str, str]]:
        stream = play.streams[name]
        tokens: set[Token] = set()
        for message in messages(event.data):
            match message:
                case {"params": {"progressToken": str() | int() as token}} if token in self._tokens:
                    tokens.add(token)
                case {"id": str() | int() as number, **rest} if "method" not in rest and name != "GET":
                    tokens.update(
                        token
                        for post in play.posts
                        if post is not stream and post.request and same(post.request[0], number)
                        for token in post.tokens
                    )
                case _:
                    pass
        if event.id and not tokens and name != "GET":
            others = (post for post in play.posts if post is not stream and event.id in post.ids)
            tokens.update(token for post in others for token in post.tokens)
        owners = {self._tokens[token] for token in tokens - set(stream.tokens)}
        if self.ids_are_global and event.id and not tokens:
            session_id, seen_on = self._owners.get((event.id, event.data), (play.session.id, name))
            if session_id != play.session.id:
                owners.add((session_id, seen_on))
        return owners


def values(stream: Stream) -> list[Event]:
    """The events of a stream that a call has caused."""
    return [event for event in stream.events if not all_noise(event.data)]


def all_noise(data: str) -> bool:
    told = messages(data)
    return bool(told) and all(is_noise(message) for message in told)


async def first_of(task: asyncio.Task[None], other: Coroutine[None, None, None]) -> None:
    """Until one of them is done; the other is ours to end."""
    waiting = asyncio.create_task(other)
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await asyncio.wait({waiting})
