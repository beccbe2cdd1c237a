"""Laws 7 and 9: what cannot be served is refused, aloud."""

import asyncio
import re

import httpx

from laboratory.lab import Lab
from laboratory.oracle import Verdict
from laboratory.outcomes import NotReachedError
from laboratory.stream import Stream
from laws.eviction import flooded
from laws.law import Case, Weight, broken, law, resumed, whole_run

PING = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'

# --- 7. Said aloud


@law(
    7,
    Weight.OURS,
    "Is an id that was never issued to this session refused, aloud?",
    "Silent",
    "An empty 200 looks like a lost connection: clients ask again, for ever.",
    Verdict.SILENT,
    Verdict.HUNG,
)
async def an_unknown_id_is_refused(lab: Lab, case: Case) -> None:
    (play, stream), (_, another) = await asyncio.gather(whole_run(lab), whole_run(lab))
    own, theirs = stream.ids, another.ids[0]
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
    Verdict.SILENT,
    Verdict.HUNG,
    heavy=True,
)
async def an_evicted_id_is_refused(lab: Lab, case: Case) -> None:
    flood = await flooded(lab)
    if flood.gone is None and flood.sent < lab.most_kept:
        raise flood.unknown()
    if flood.gone is None:
        raise NotReachedError(f"all of {flood.sent} messages were kept")
    must_be_refused("the first one", flood.gone)


@law(
    7,
    Weight.MUST,
    "Is a session that has ended answered with 404?",
    "Session management: the server MUST respond to requests with that session id with 404",
    "Only then does a client start afresh.",
    Verdict.SILENT,
)
async def an_ended_session_is_404(lab: Lab, case: Case) -> None:
    play, stream = await whole_run(lab)
    deleted = await play.session.delete()
    version = {"mcp-protocol-version": play.session.headers["mcp-protocol-version"]}
    cases = {"a session that never was": version | {"mcp-session-id": "0" * 32}}
    if deleted.status < 400:
        cases["a session that was deleted"] = play.session.headers
    resume = {"last-event-id": stream.ids[0]}
    for what, told in cases.items():
        for method, headers, content in (
            ("POST", told, PING),
            ("GET", told, None),
            ("GET", told | resume, None),
        ):
            try:
                answer = await lab.peer.ask(method, headers, content)
            except TimeoutError:
                came = f"no answer to a {method} in {lab.peer.patience:g} s"
                raise broken(Verdict.SILENT, f"404 for {what}", came) from None
            if answer.status != 404 and not (answer.status == 405 and method == "GET"):
                raise broken(Verdict.SILENT, f"404 for {what}", str(answer.status), answer)


# --- 9. Bad input


@law(
    9,
    Weight.OURS,
    "Does bad input get a clear 4xx?",
    "JSON-RPC 2.0, and the transport's 400, 405 and 406",
    "A traceback tells an attacker more than it tells a user.",
    Verdict.SILENT,
    Verdict.HUNG,
)
async def bad_input_gets_a_4xx(lab: Lab, case: Case) -> None:
    session = await lab.session()
    told = session.headers
    requests = [
        ("POST", told, b"{"),
        ("POST", told, b'{"hello": 1}'),
        ("POST", told, b"42"),
        ("POST", told, b"\xff\xfe"),
        ("POST", told, b"[" * 50_000),
        ("POST", told | {"mcp-protocol-version": "1999-01-01"}, PING),
        ("POST", told | {"mcp-session-id": ""}, PING),
        ("GET", told | {"accept": "text/html"}, None),
        ("PUT", told, PING),
    ]
    for method, headers, content in requests:
        try:
            answer = await lab.peer.ask(method, headers, content)
        except TimeoutError:
            asked = f"{method} {headers} {(content or b'')[:80]!r}"
            raise broken(Verdict.HUNG, "a 4xx", f"no answer in {lab.peer.patience:g} s", asked) from None
        except httpx.RequestError as error:
            asked = f"{method} {headers} {(content or b'')[:80]!r}"
            raise broken(Verdict.SILENT, "a 4xx", f"no answer: {error!r}", asked) from None
        if not 400 <= answer.status < 500:
            raise broken(Verdict.SILENT, "a 4xx", str(answer.status), answer)


@law(
    9,
    Weight.MUST,
    "Is a request from a page of a foreign Origin refused?",
    "Security: servers MUST validate the Origin header",
    "Any web page can talk to a server on your machine.",
    Verdict.OPEN_DOOR,
)
async def a_foreign_origin_is_refused(lab: Lab, case: Case) -> None:
    """Of other names, and of names that only begin or end like one's own; each method has to look."""
    port = httpx.URL(lab.peer.url).port or 80
    origins = [
        "http://prove-it.example",
        f"http://prove-it.example:{port}",
        "null",
        "http://localhost.prove-it.example",
        "http://127.0.0.1.prove-it.example",
        "http://prove-it-localhost",
    ]
    for origin in origins:
        await must_be_shut(lab, {"origin": origin})


@law(
    9,
    Weight.OURS,
    "Is a request that was sent to a foreign Host refused?",
    "Security warning, DNS rebinding; the header is not named",
    "A page whose name is bound anew to 127.0.0.1 has no foreign Origin to show.",
    Verdict.OPEN_DOOR,
)
async def a_foreign_host_is_refused(lab: Lab, case: Case) -> None:
    await must_be_shut(lab, {"host": "prove-it.example"})


async def must_be_shut(lab: Lab, headers: dict[str, str]) -> None:
    session = await lab.session()
    for method, content in (("POST", PING), ("GET", None), ("DELETE", None)):
        try:
            answer = await lab.peer.ask(method, session.headers | headers, content)
        except TimeoutError:
            came = f"a {method} that waits, and is not refused in {lab.peer.patience:g} s"
            raise broken(Verdict.OPEN_DOOR, "403, or another 4xx", came, str(headers)) from None
        if answer.status < 400:
            came = f"{answer.status} to a {method} with {headers}"
            raise broken(Verdict.OPEN_DOOR, "403, or another 4xx", came, answer)
