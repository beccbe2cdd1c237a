"""The laws of resumption, each a question that is put to the server. It either holds or raises BrokenError.

MUST, SHOULD  the specification's words (2025-11-25, "Streamable HTTP")
our reading   what follows for a client that wants its messages, where the specification is silent or says MAY
stakes        what it is worth to a user
case          one try of a law; its seed decides all that is random in it, so that it can be repeated
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random

import httpx
from pydantic import JsonValue

from lab import BrokenError, Lab, NotReachedError, Play
from oracle import Fault, Verdict
from session import Answer, End, Session, Stream, now
from wire import Cut, How

EVICTING = 8.0  # seconds at most
AT_MOST = 4  # rounds of three fast calls, to have something evicted
LARGE = 16_000_000  # bytes; more than a JSON-RPC message is
HUNDRED = 100


class Weight(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"
    OURS = "our reading"


@dataclass
class Case:
    seed: int

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)  # noqa: S311 (to be repeated, not to be unguessable)


@dataclass(frozen=True)
class Law:
    number: int
    name: str
    weight: Weight
    question: str
    clause: str
    stakes: str
    cases: int
    heavy: bool  # it runs alone
    check: Callable[[Lab, Case], Awaitable[None]]


LAWS: list[Law] = []
TITLES = {
    1: "Stored, then sent",
    2: "Whole",
    3: "One seam",
    4: "Own stream, own session",
    5: "A cut is not a cancel",
    6: "It ends",
    7: "Said aloud",
    8: "Bounded",
    9: "Bad input",
    10: "Prompt",
}
Check = Callable[[Lab, Case], Awaitable[None]]


def law(
    number: int,
    weight: Weight,
    question: str,
    clause: str,
    stakes: str,
    *,
    cases: int = 1,
    heavy: bool = False,
) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        name = check.__name__.replace("_", " ")
        LAWS.append(Law(number, name, weight, question, clause, stakes, cases, heavy, check))
        return check

    return add


def broken(verdict: Verdict, expected: str, came: str, evidence: object = "") -> BrokenError:
    return BrokenError(Fault(verdict, expected, came, str(evidence)))


def home(lab: Lab, play: Play) -> Stream:
    return play.post if lab.home == "POST" else play.get


def events_at_home(lab: Lab, *, fast: bool = False) -> int:
    """How many events an uncut run has on the stream that is to be cut."""
    ids = home(lab, lab.uncut[-1 if fast else 0]).ids
    if not ids:
        raise NotReachedError("its messages carry no ids, so nothing can be resumed")
    return len(ids)


# --- 1. Stored, then sent


@law(
    1,
    Weight.OURS,
    "Has every message an id?",
    "Resumability: servers MAY attach an id to an event",
    "A message without an id cannot be asked for again.",
)
async def every_message_has_an_id(lab: Lab, case: Case) -> None:
    for play in lab.uncut:
        stream = home(lab, play)
        if bare := [event for event in stream.events if not event.id]:
            came = f"{len(bare)} of {len(stream.events)} messages without one"
            raise broken(Verdict.LOST, "an id with each message", came, stream.evidence())


@law(
    1,
    Weight.MUST,
    "Is each id of a session given once only?",
    "Resumability: the id MUST be globally unique across all streams within that session",
    "An id that is given twice is a cursor into the wrong place.",
)
async def ids_are_unique(lab: Lab, case: Case) -> None:
    for play in lab.uncut:
        ids = play.post.ids + play.get.ids
        if twice := [one for one in set(ids) if ids.count(one) > 1]:
            came = f"{len(twice)} given more than once, such as {twice[0]!r}"
            raise broken(Verdict.MOVED, "each id once", came, home(lab, play).evidence())


@law(
    1,
    Weight.SHOULD,
    "Does a POST's stream begin with a priming event?",
    "Sending messages: the server SHOULD immediately send an event with an id and an empty data field",
    "A connection that is lost before the first message cannot be resumed without it.",
)
async def a_priming_event_comes_first(lab: Lab, case: Case) -> None:
    play = lab.uncut[0]
    if lab.home != "POST" or play.session.headers["mcp-protocol-version"] < "2025-11-25":
        raise NotReachedError("POSTs are not answered by streams of 2025-11-25")
    if "POST" not in lab.primes:
        raise broken(Verdict.LOST, "an id before the first message", "none", play.post.evidence())


@law(
    1,
    Weight.OURS,
    "Can a stream be resumed the moment that an id has come?",
    "Resumability: the client SHOULD issue a GET with Last-Event-ID; when is not said",
    "A client may be quicker than the server's bookkeeping.",
    cases=2,
)
async def an_id_is_known_at_once(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    cuts = [Cut(case.rng.randint(1, count - 1)), Cut(1), Cut(1)]
    lab.must_be_whole(await lab.play(lab.slow, {lab.home: cuts}, hasty=True))


# --- 2. Whole


@law(
    2,
    Weight.OURS,
    "Wherever the connection is cut, is the whole what an uncut run gives?",
    "Resumability: the server MAY replay the messages that would have been sent after the last event id",
    "This is what resumption is for.",
    cases=18,
)
async def the_whole_is_the_same(lab: Lab, case: Case) -> None:
    """Seeds that follow one another go through the places and the ways of cutting; the rest is chance."""
    rng, count = case.rng, events_at_home(lab)
    place = 1 + case.seed % count
    how = list(How)[case.seed % 3]
    inside = rng.choice((0, 1, rng.randint(2, 250)))
    more = [
        Cut(rng.randint(0, 2), rng.randint(0, 80), rng.choice(list(How)))
        for _ in range(rng.choice((0, 0, 1, 2)))
    ]
    away = rng.choice((0.0, 0.0, lab.slow.lasts / 2, lab.slow.lasts + 0.2))
    hasty = place == count or rng.random() < 0.25  # after the last message there is nothing to wait for
    cuts = [Cut(place, inside, how), *more]
    lab.must_be_whole(await lab.play(lab.slow, {lab.home: cuts}, away=away, hasty=hasty))


# --- 3. One seam


@law(
    3,
    Weight.OURS,
    "Are backlog and live tail one sequence, when messages come fast and connections go often?",
    "Resumability: replay, and resume the stream from that point",
    "Between replay and live tail is where servers lose messages.",
    cases=2,
    heavy=True,
)
async def a_hundred_cuts_in_a_fast_stream(lab: Lab, case: Case) -> None:
    rng, count = case.rng, events_at_home(lab, fast=True)
    step = max(1, 2 * count // HUNDRED)
    ways = (How.FIN,) * 5 + (How.RST,) * 4 + (How.SILENCE,)
    cuts = [
        Cut(1 + rng.randrange(step), rng.choice((0, rng.randint(1, 99))), rng.choice(ways))
        for _ in range(HUNDRED)
    ]
    lab.must_be_whole(await lab.play(lab.fast, {lab.home: cuts}, hasty=True))


# --- 4. Own stream, own session


@law(
    4,
    Weight.MUST,
    "Do two sessions whose requests have the same ids keep their messages apart?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "All clients count their requests from 1: what is kept by that number alone is shown to strangers.",
    cases=2,
)
async def twins_are_kept_apart(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    twins = [await lab.session(), await lab.session()]
    twins[1].next_id = twins[0].next_id
    cut = {lab.home: [Cut(case.rng.randint(1, max(1, count - 2)))]}
    plays = await asyncio.gather(
        *(lab.play(lab.slow, cut, away=lab.slow.lasts / 2, session=twin) for twin in twins)
    )
    for play in plays:
        lab.must_be_whole(play)


@law(
    4,
    Weight.MUST,
    "Does an id of another session bring that session's messages?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "Who sees or guesses an id would read a stranger's answers.",
)
async def no_id_opens_another_session(lab: Lab, case: Case) -> None:
    events_at_home(lab)
    own, other = await lab.play(lab.slow), await lab.play(lab.slow)
    theirs = home(lab, other)
    for event_id in {theirs.ids[0], case.rng.choice(theirs.ids), theirs.ids[-1]} - set(home(lab, own).ids):
        stream = await resumed(own.session, event_id)
        if any(data in theirs.data or other.token in data for data in stream.data):
            raise broken(
                Verdict.FOREIGN_SESSION,
                "a refusal",
                f"its messages, for {event_id!r}",
                "\n".join(stream.data),
            )


@law(
    4,
    Weight.MUST,
    "Do two calls at the same time keep their streams apart?",
    "Resumability: the server MUST NOT replay messages of a different stream",
    "A client that takes another call's messages for its own is misled.",
    cases=2,
)
async def streams_are_kept_apart(lab: Lab, case: Case) -> None:
    count = events_at_home(lab)
    if lab.home != "POST":
        raise NotReachedError("all messages of a session come on one stream")
    session = await lab.session()
    cuts = [{"POST": [Cut(case.rng.randint(1, max(1, count - 2)))]} for _ in range(2)]
    away = lab.slow.lasts / 2
    for play in await asyncio.gather(*(lab.play(lab.slow, cut, away=away, session=session) for cut in cuts)):
        lab.must_be_whole(play)


# --- 5. A cut is not a cancel


@law(
    5,
    Weight.OURS,
    "Does the tool run on while nobody is connected, and only once?",
    "Sending messages: disconnection SHOULD NOT be interpreted as the client cancelling its request",
    "Work is lost, or paid for twice.",
    cases=3,
)
async def the_tool_runs_on_and_once(lab: Lab, case: Case) -> None:
    count, how = events_at_home(lab), list(How)[case.seed % 3]
    early = Cut(min(2, count - 1), 0, how)
    lab.must_be_whole(await lab.play(lab.slow, {lab.home: [early, Cut(1)]}, away=lab.slow.lasts + 0.2))


# --- 6. It ends


@law(
    6,
    Weight.SHOULD,
    "Does a POST's stream end after the response?",
    "Sending messages: after the response has been sent, the server SHOULD terminate the stream",
    "A client cannot tell an open stream from one that has more to say.",
)
async def a_live_stream_ends(lab: Lab, case: Case) -> None:
    if lab.home != "POST":
        raise NotReachedError("POSTs are not answered by streams, and a standing stream does not end")
    for play in lab.uncut:
        must_have_ended(play.post)


@law(
    6,
    Weight.OURS,
    "Does it end when it was resumed after the tool had ended?",
    "Silent; the clause for live streams, read on",
    "Every client that was away keeps a connection for ever.",
    cases=2,
)
async def a_resumed_stream_ends(lab: Lab, case: Case) -> None:
    if lab.home != "POST":
        raise NotReachedError("POSTs are not answered by streams, and a standing stream does not end")
    place = case.rng.randint(1, events_at_home(lab) - 1)
    play = await lab.play(lab.slow, {"POST": [Cut(place)]}, away=lab.slow.lasts + 0.3)
    if play.post.response is None:
        raise NotReachedError("the response did not come, which is another law's matter")
    must_have_ended(play.post)
    last = await resumed(play.session, play.post.ids[-1], lab.peer.patience)
    if last.events and play.post.events[-1].id == play.post.ids[-1]:
        raise broken(
            Verdict.DOUBLED, "nothing after the last id", f"{len(last.events)} messages", last.data[0]
        )
    if last.ends[0] in (End.QUIET, End.HUNG):
        verdict = Verdict.HUNG if last.ends[0] is End.HUNG else Verdict.ENDLESS
        raise broken(
            verdict, "an end, or a refusal", last.ends[0].value, f"Last-Event-ID: {play.post.ids[-1]}"
        )


def must_have_ended(stream: Stream) -> None:
    if stream.response and stream.ends[-1] is End.QUIET:
        raise broken(
            Verdict.ENDLESS, "the end of the stream after the response", End.QUIET.value, stream.evidence()
        )


@law(
    6,
    Weight.OURS,
    "Does the standing stream end when its session is deleted?",
    "Session management: the server responds with 404 from then on; of open streams nothing is said",
    "A listener waits for what can never come.",
)
async def a_deleted_session_ends_its_stream(lab: Lab, case: Case) -> None:
    session = await lab.session()
    stream = Stream(session, "GET")
    reading = asyncio.create_task(stream.read(lab.peer.patience, lambda: False))
    standing = asyncio.create_task(stream.stands.wait())
    await asyncio.wait({reading, standing}, return_when=asyncio.FIRST_COMPLETED)
    standing.cancel()
    answer = await session.delete()
    end = await reading
    if end is End.REFUSED or answer.status >= 400:
        raise NotReachedError("the server has no standing stream, or no DELETE")
    if end is End.QUIET:
        raise broken(Verdict.ENDLESS, "the end of the stream", f"none in {lab.peer.patience:g} s", answer)


# --- 7. Said aloud


@law(
    7,
    Weight.OURS,
    "Is an id that was never issued to this session refused, aloud?",
    "Silent",
    "An empty 200 looks like a lost connection: clients ask again, for ever.",
)
async def an_unknown_id_is_refused(lab: Lab, case: Case) -> None:
    events_at_home(lab)
    play, other = await lab.play(lab.slow), await lab.play(lab.slow)
    own = home(lab, play).ids
    theirs = home(lab, other).ids[-2]
    later = re.sub(r"\d+(?!.*\d)", lambda digits: str(int(digits[0]) + 10**6), own[-1])
    for event_id in dict.fromkeys(("!", "-1", f"{case.rng.getrandbits(128):032x}", later, theirs)):
        if event_id not in own:
            must_be_refused(event_id, await resumed(play.session, event_id))


def must_be_refused(event_id: str, stream: Stream) -> None:
    """A 4xx with a JSON-RPC error; not 404, at which a client must give up its session."""
    answer, end = stream.answer, stream.ends[0]
    if answer is None:
        raise broken(Verdict.HUNG, "an answer", end.value, f"Last-Event-ID: {event_id}")
    evidence = f"> GET, Last-Event-ID: {event_id}\n< {answer.status} {answer.text[:300]}"
    if not answer.refusal() or answer.status == 404:
        came = f"{answer.status}, {len(stream.events)} messages; {end.value}"
        raise broken(Verdict.SILENT, "a 4xx (400 or 410) with a JSON-RPC error", came, evidence)


@law(
    7,
    Weight.OURS,
    "Is an id whose successors are no longer kept refused, aloud?",
    "Silent",
    "A gap without a word is a loss that nobody notices.",
    heavy=True,
)
async def an_evicted_id_is_refused(lab: Lab, case: Case) -> None:
    stream, sent = await evicted(lab)
    if stream is None:
        raise NotReachedError(f"all of {sent} messages were kept")
    must_be_refused(stream.session.headers.get("last-event-id", "the first one"), stream)


@law(
    7,
    Weight.MUST,
    "Is a session that has ended answered with 404?",
    "Session management: the server MUST respond to requests with that session id with 404",
    "Only then does a client start afresh.",
)
async def an_ended_session_is_404(lab: Lab, case: Case) -> None:
    session = await lab.session()
    deleted = await session.delete()
    headers = {"a session that was deleted": session.headers}
    if deleted.status >= 400:
        headers.clear()
    headers["a session that never was"] = session.headers | {"mcp-session-id": "0" * 32}
    for what, told in headers.items():
        ping = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        for answer in (
            await lab.peer.ask("POST", told, ping),
            await lab.peer.ask("GET", told),
        ):
            if answer.status != 404 and not (answer.status == 405 and "GET" in answer.asked):
                raise broken(Verdict.SILENT, f"404 for {what}", str(answer.status), answer)


# --- 8. Bounded


@law(
    8,
    Weight.OURS,
    "Is the number of events bounded that are kept for a session?",
    "Silent",
    "One busy client fills the server's memory.",
    heavy=True,
)
async def events_are_bounded(lab: Lab, case: Case) -> None:
    stream, sent = await evicted(lab)
    if stream is None:
        raise NotReachedError(f"all of {sent} messages were kept; the bound, if there is one, is higher")


async def evicted(lab: Lab) -> tuple[Stream | None, int]:
    """Send many messages until the first of a session is no longer kept, but not for ever; done once."""
    async with lab.evicting:
        if lab.evicted is None:
            events_at_home(lab)
            lab.evicted = await evict(lab)
        return lab.evicted


async def evict(lab: Lab) -> tuple[Stream | None, int]:
    session = await lab.session()
    first = home(lab, await lab.play(lab.fast, session=session))  # a bound for a stream shows by itself
    due = next(event for event in first.events if event.id != first.ids[0])
    sent = len(first.events)
    deadline = now() + EVICTING
    for _ in range(AT_MOST):
        stream = await resumed(session, first.ids[0])
        if not stream.events or stream.events[0].id != due.id:
            return stream, sent
        if now() > deadline:
            break
        params: JsonValue = {"name": lab.tool, "arguments": lab.fast_args}
        await asyncio.gather(*(session.call("tools/call", params) for _ in range(3)))
        if lab.home == "GET":
            await asyncio.sleep(lab.fast.lasts * 1.2)  # the calls were answered at once
        sent += 3 * sum(map(len, lab.fast.due.values()))
    return None, sent


@law(
    8,
    Weight.OURS,
    "Is a body of 16 MB refused?",
    "Silent",
    "Anybody can fill the server's memory.",
    heavy=True,
)
async def bodies_are_bounded(lab: Lab, case: Case) -> None:
    session = await lab.session()
    padding = (
        b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": {"padding": "' + b"a" * LARGE
    )
    try:
        answer = await lab.peer.ask("POST", session.headers, padding + b'"}}}')
    except httpx.TransportError:
        return  # the connection was closed over it: bounded, if not said
    if answer.status < 400:
        raise broken(Verdict.UNBOUNDED, "413", str(answer.status), answer)


@law(
    8,
    Weight.OURS,
    "Is the session served while one of its readers has stopped reading?",
    "Silent",
    "One sleeping laptop stops a session, or its server.",
    heavy=True,
)
async def a_stalled_reader_hinders_nobody(lab: Lab, case: Case) -> None:
    events_at_home(lab, fast=True)
    session = await lab.session()
    stall = {lab.home: [Cut(1, 0, How.SILENCE)]}
    playing = asyncio.create_task(lab.play(lab.fast, stall, away=lab.fast.lasts + 0.5, session=session))
    try:
        await asyncio.sleep(lab.fast.lasts * 0.8)  # long enough for what is not read to pile up
        answer, message = await session.call("ping", {})
        if message.result is None:
            raise broken(Verdict.HUNG, "an answer to a ping", f"none in {lab.peer.patience:g} s", answer)
    finally:
        playing.cancel()
        await asyncio.wait({playing})


# --- 9. Bad input


@law(
    9,
    Weight.OURS,
    "Does bad input get a clear 4xx?",
    "JSON-RPC 2.0, and the transport's 400, 405 and 406",
    "A traceback tells an attacker more than it tells a user.",
)
async def bad_input_gets_a_4xx(lab: Lab, case: Case) -> None:
    session = await lab.session()
    told = session.headers
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    digits = str(case.rng.randrange(10**39, 10**40))
    requests = [
        ("POST", told, b"{"),
        ("POST", told, b'{"hello": 1}'),
        ("POST", told, b"42"),
        ("POST", told, b"\xff\xfe"),
        ("POST", told, b"[" * 50_000),
        ("POST", told | {"content-type": "text/plain"}, ping),
        ("POST", told | {"mcp-protocol-version": "1999-01-01"}, ping),
        ("POST", told | {"mcp-session-id": ""}, ping),
        ("GET", told | {"accept": "text/html"}, None),
        ("GET", told | {"last-event-id": digits}, None),
        ("PUT", told, ping),
    ]
    for method, headers, content in requests:
        try:
            answer = await lab.peer.ask(method, headers, content)
        except TimeoutError:
            asked = f"{method} {headers} {(content or b'')[:80]!r}"
            raise broken(Verdict.HUNG, "a 4xx", f"no answer in {lab.peer.patience:g} s", asked) from None
        if not 400 <= answer.status < 500:
            raise broken(Verdict.SILENT, "a 4xx", str(answer.status), answer)


@law(
    9,
    Weight.MUST,
    "Is a request from a page of a foreign Origin refused?",
    "Security: servers MUST validate the Origin header",
    "Any web page can talk to a server on your machine.",
)
async def a_foreign_origin_is_refused(lab: Lab, case: Case) -> None:
    await must_be_shut(lab, {"origin": "http://prove-it.example"})


@law(
    9,
    Weight.OURS,
    "Is a request that was sent to a foreign Host refused?",
    "Security warning, DNS rebinding; the header is not named",
    "A page whose name is bound anew to 127.0.0.1 has no foreign Origin to show.",
)
async def a_foreign_host_is_refused(lab: Lab, case: Case) -> None:
    await must_be_shut(lab, {"host": "prove-it.example"})


async def must_be_shut(lab: Lab, headers: dict[str, str]) -> None:
    session = await lab.session()
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    answers: list[Answer] = [await lab.peer.ask("POST", session.headers | headers, ping)]
    answers.append(await lab.peer.ask("GET", session.headers | headers))
    for answer in answers:
        if answer.status < 400:
            raise broken(Verdict.OPEN_DOOR, "403, or another 4xx", str(answer.status), answer)


# --- 10. Prompt


@law(
    10,
    Weight.OURS,
    "Does a replay cost what was missed, and not what is kept?",
    "Silent",
    "The busier the session, the slower the reconnect: just when all reconnect.",
    heavy=True,
)
async def a_replay_costs_what_was_missed(lab: Lab, case: Case) -> None:
    events_at_home(lab, fast=True)
    few, many = await lab.play(lab.slow), await lab.play(lab.fast)
    small, large = await quickest(lab, few), await quickest(lab, many)
    if large > 3 * small + 0.003:
        kept = len(home(lab, many).events)
        came = (
            f"{1000 * large:.1f} ms with {kept} kept, {1000 * small:.1f} ms with {len(home(lab, few).events)}"
        )
        raise broken(Verdict.UNBOUNDED, "the last message in the same time, however many are kept", came)


async def quickest(lab: Lab, play: Play) -> float:
    """The least of some tries: what else the machine does only makes them longer."""
    times: list[float] = []
    for _ in range(9):
        began = now()
        stream = await resumed(play.session, home(lab, play).ids[-2])
        if not stream.events:
            raise NotReachedError("the last message could not be had again")
        times.append(stream.events[0].at - began)
    return min(times)


async def resumed(session: Session, event_id: str, patience: float = 1.0) -> Stream:
    """What the first moments of a GET with this Last-Event-ID bring: one message is enough."""
    stream = Stream(session, "GET", cursor=event_id)
    await stream.read(patience, lambda: bool(stream.events))
    return stream
