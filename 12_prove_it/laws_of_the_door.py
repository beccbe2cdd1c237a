"""The laws of what is refused, bounded and prompt, 7 to 10; the others are in `laws.py`."""

import asyncio
import json
import re

import httpx
from pydantic import JsonValue

from lab import Lab, NotReachedError, Play
from law import Case, Weight, broken, events_at_home, home, law, resumed
from oracle import Verdict
from peer import Answer
from session import Stream, now
from wire import Cut, How

EVICTING = 8.0  # seconds at most
AT_MOST = 4  # rounds of three fast calls, to have something evicted
TRIES = 9
LARGE = 16_000_000  # bytes; more than a JSON-RPC message is


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
    play, other = await asyncio.gather(lab.play(lab.slow), lab.play(lab.slow))
    own = home(lab, play).ids
    theirs = home(lab, other).ids[-2]
    later = re.sub(r"\d+(?!.*\d)", lambda digits: str(int(digits[0]) + 10**6), own[-1])
    for event_id in dict.fromkeys(("!", "-1", "9" * 40, f"{case.rng.getrandbits(128):032x}", later, theirs)):
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
        calls: list[JsonValue] = [
            {"name": lab.tool, "arguments": lab.fast_args, "_meta": {"progressToken": f"evict-{sent}-{turn}"}}
            for turn in range(3)
        ]
        await asyncio.gather(*(session.call("tools/call", params) for params in calls))
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
    requests = [
        ("POST", told, b"{"),
        ("POST", told, b'{"hello": 1}'),
        ("POST", told, b"42"),
        ("POST", told, b"\xff\xfe"),
        ("POST", told, b"[" * 50_000),
        ("POST", told | {"mcp-protocol-version": "1999-01-01"}, ping),
        ("POST", told | {"mcp-session-id": ""}, ping),
        ("GET", told | {"accept": "text/html"}, None),
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
    few, many = await asyncio.gather(lab.play(lab.slow), lab.play(lab.fast))
    small, large = await quickest(lab, few, many)
    if large > 3 * small + 0.003:
        kept = len(home(lab, many).events)
        came = (
            f"{1000 * large:.1f} ms with {kept} kept, {1000 * small:.1f} ms with {len(home(lab, few).events)}"
        )
        raise broken(Verdict.UNBOUNDED, "the last message in the same time, however many are kept", came)


async def quickest(lab: Lab, *plays: Play) -> list[float]:
    """The least of some tries for each, in turn: what else the machine does only makes them longer."""
    times: list[list[float]] = [[] for _ in plays]
    for _ in range(TRIES):
        for play, tries in zip(plays, times, strict=True):
            began = now()
            stream = await resumed(play.session, home(lab, play).ids[-2])
            if not stream.events:
                raise NotReachedError("the last message could not be had again")
            tries.append(stream.events[0].at - began)
    return [min(tries) for tries in times]
