"""The survey: is this a server whose streams can be resumed, which tool serves, and what is its oracle?

fit      of a tool: called once, it sends some messages, and the same ones each time
latency  of the server: the median of some pings, from which patience follows
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, permutations
from statistics import median

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from laboratory.events import messages
from laboratory.lab import Arguments, BrokenError, Lab, NothingToResumeError, Play, UnfitError, values
from laboratory.oracle import Fault, Oracle, Verdict
from laboratory.peer import Peer
from laboratory.session import FullError, NotMcpError, Session, Stream, now
from laboratory.tools import FEW, LASTS, MANY, OFTEN, SELDOM, STEPS, Tool

LEAST = 2  # messages that a tool has to send, so that there is something between which to cut
PINGS = 5
PAGES = 100  # of tools/list, at most
MORE_RUNS = 3  # uncut, where some do not agree


async def tools_of(session: Session) -> list[Tool]:
    tools: list[Tool] = []
    params: dict[str, JsonValue] = {}
    seen: set[str] = set()
    for _ in range(PAGES):
        _, reply = await session.call("tools/list", params)
        match reply.get("result"):
            case {"tools": list(page), **rest}:
                pass
            case _:
                break
        try:
            tools += TypeAdapter(list[Tool]).validate_python(page)
        except ValidationError as mistake:
            raise UnfitError(f"tools/list is not understood: {mistake.errors()[0]['msg']}.") from None
        cursor = rest.get("nextCursor")
        if not isinstance(cursor, str) or cursor in seen:
            break
        seen.add(cursor)
        params = {"cursor": cursor}
    return tools


async def open_first(peer: Peer) -> Session:
    """The first session, or a sentence that says why there is none."""
    try:
        session = await Session.open(peer, 1)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise UnfitError(f"{peer.url} cannot be reached ({error}): is the server up?") from None
    except (NotMcpError, FullError, TimeoutError) as error:
        if await speaks_2026(peer):
            raise NothingToResumeError(
                "This server speaks MCP 2026-07-28 only, which has no streams to resume: nothing to prove."
            ) from None
        raise UnfitError(f"{peer.url} does not speak MCP over Streamable HTTP: {error}") from None
    if not session.id:
        raise NothingToResumeError(
            "This server is stateless (no Mcp-Session-Id): it has nothing to resume, and nothing to prove."
        )
    return session


async def speaks_2026(peer: Peer) -> bool:
    version = "2026-07-28"
    client: JsonValue = {"name": "prove-it", "version": "1.0.0"}
    meta: JsonValue = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": client,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
    headers = {"mcp-protocol-version": version, "mcp-method": "server/discover"}
    try:
        answer = await peer.ask("POST", headers, json.dumps(asked).encode())
    except (httpx.RequestError, TimeoutError):
        return False
    return answer.status == 200 and '"result"' in answer.text


async def survey(
    lab: Lab, args: Arguments | None, fast: Arguments | None, long: Arguments | None, quiet: float
) -> None:
    """Make the oracles, and find on which stream the messages come."""
    session = await open_first(lab.peer)
    try:
        lab.peer.latency = await latency(session)
        tools = {tool.name: tool for tool in await tools_of(session)}
    finally:
        await session.delete()
    if lab.tool not in tools:
        raise UnfitError(f"There is no tool {lab.tool!r} here; there are: {', '.join(tools) or 'none'}.")
    tool = tools[lab.tool]
    lab.slow.arguments = tool.tuned(FEW, SELDOM) if args is None else args
    lab.fast.arguments = tool.tuned(MANY, OFTEN, lab.slow.arguments) if fast is None else fast
    lab.long.arguments = tool.tuned(STEPS, LASTS / STEPS, lab.slow.arguments) if long is None else long
    oracles = [lab.slow, lab.fast, lab.long]
    lingers = [max(quiet, 3 * tool.pause(oracle.arguments)) for oracle in oracles]
    alone = await lab.play(lab.slow, linger=lingers[0])
    must_have_worked(lab.tool, alone.post)
    plays = await asyncio.gather(*map(uncut, [lab] * 3, oracles, lingers))
    plays[0].append(alone)
    for number, oracle in enumerate(oracles):
        if not agree(plays[number]):  # sessions that disturb one another are no oracle
            must_not_be_shared([stream_of(play, "POST") for play in plays[number]])
            must_not_be_shared([stream_of(play, "GET") for play in plays[number]])
            alone_too = [await lab.play(oracle, linger=lingers[number]) for _ in range(MORE_RUNS)]
            if not agree(alone_too):
                must_not_lose(lab, oracle, [*plays[number], *alone_too])
            plays[number] = alone_too
    for _ in range(2):  # a time in milliseconds may be the same in some slow runs, by chance
        masks = set[tuple[str, ...]]().union(*(oracle.masks for oracle in oracles))
        for oracle, runs in zip(oracles, plays, strict=True):
            oracle.masks |= masks
            learn(lab, oracle, runs)
    lab.uncut = [*plays[0], *plays[1]]
    lab.home = "GET" if len(lab.slow.due["GET"]) >= len(lab.slow.due["POST"]) else "POST"
    if len(lab.slow.due[lab.home]) < LEAST:
        raise UnfitError(
            f"{lab.tool} sends nothing but its answer: nothing to cut between. Choose a tool that reports."
        )
    lab.response_is_last = all(
        play.get.events and play.post.events and play.post.events[-1].at >= play.get.events[-1].at
        for play in plays[0]
    )
    lab.primes = {
        name
        for name, stream in plays[0][0].streams.items()
        if stream.ids and stream.events and stream.ids[0] != stream.events[0].id
    }
    lab.offers_get = any(play.get.answer and play.get.answer.status == 200 for play in plays[0])
    lab.has_get = bool(lab.slow.due["GET"])
    ids = [event_id for play in lab.uncut for stream in play.streams.values() for event_id in set(stream.ids)]
    lab.ids_are_global = len(ids) == len(set(ids))
    lab.window = await window_of(lab, plays[1][0])


async def latency(session: Session) -> float:
    times: list[float] = []
    for _ in range(PINGS):
        began = now()
        await session.call("ping", {})
        times.append(now() - began)
    return median(times)


async def window_of(lab: Lab, play: Play) -> int:
    """How many events of a fast stream can be had again, now: the earliest id that still brings something."""
    ids = (play.post if lab.home == "POST" else play.get).ids
    low, high = 0, len(ids) - 1  # the first that is served lies between them
    while low < high:
        middle = (low + high) // 2
        stream = Stream(play.session, "GET", cursor=ids[middle])
        await stream.read(lab.peer.moment, lambda stream=stream: bool(stream.events))
        low, high = (low, middle) if stream.events else (middle + 1, high)
    return len(ids) - low


async def uncut(lab: Lab, oracle: Oracle, linger: float) -> list[Play]:
    return await asyncio.gather(*(lab.play(oracle, linger=linger) for _ in range(2)))


def agree(plays: Sequence[Play]) -> bool:
    """As far as the numbers of their messages go."""
    return len({(len(values(play.post)), len(values(play.get))) for play in plays}) == 1


def learn(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> None:
    for method in ("POST", "GET"):
        streams = [stream_of(play, method) for play in plays]
        oracle.learn(method, [[stream.own(event.data) for event in values(stream)] for stream in streams])
        for play, stream in zip(plays, streams, strict=True):
            times = [play.called, *(event.at for event in stream.events)]
            oracle.longest_gap = max([oracle.longest_gap, *(b - a for a, b in pairwise(times))])
            oracle.lasts = max([oracle.lasts, *(time - times[0] for time in times)])
            if len(times) > LEAST:
                oracle.shortest = min(oracle.shortest, times[-1] - times[0])
    must_have_worked(lab.tool, plays[0].post)


def must_not_lose(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> None:
    """A tool that varies is no oracle. One that says how many messages it sends does not vary."""
    numbers = {
        method: ", ".join(str(len(values(stream_of(play, method)))) for play in plays)
        for method in ("POST", "GET")
    }
    for method in ("POST", "GET"):
        runs = [stream_of(play, method) for play in plays]
        longest = max(runs, key=lambda stream: len(values(stream)))
        plain = [[oracle.plain(stream.own(event.data)) for event in values(stream)] for stream in runs]
        whole = max(plain, key=len)
        shorter = [one for one in plain if len(one) < len(whole)]
        if shorter and declared(longest) and all(not Counter(one) - Counter(whole) for one in shorter):
            wanted = f"{len(whole)} messages of {lab.tool} on the {method} stream, in each uncut run"
            raise BrokenError(
                Fault(Verdict.LOST, wanted, f"{numbers[method]} in {len(runs)} runs", longest.evidence())
            )
    told = "; ".join(f"{number} on the {method} stream" for method, number in numbers.items())
    raise UnfitError(
        f"{lab.tool} sends now more, now fewer messages, uncut ({told}): "
        "nothing can be held against that. Choose other arguments."
    )


def declared(stream: Stream) -> bool:
    """The messages count up to a total that they name, in steps that have all come."""
    counted: list[JsonValue] = []
    totals: set[JsonValue] = set()
    for event in values(stream):
        for message in messages(event.data):
            match message.get("params"):
                case {"progress": int() | float() as number, "total": int() | float() as total}:
                    counted.append(number)
                    totals.add(total)
                case _:
                    pass
    return len(totals) == 1 and bool(counted) and counted[-1] in totals


def must_not_be_shared(streams: Sequence[Stream]) -> None:
    """Uncut runs may differ because the server mixes its sessions: then one brings another's very bytes."""
    for one, other in permutations(streams, 2):
        both = {(event.id, event.data) for event in one.events} & {(e.id, e.data) for e in other.events}
        if one.events and len(both) == len(one.events) < len(other.events):
            came = f"all {len(both)} of another session's, among {len(other.events)}"
            wanted = f"{len(one.events)} messages of the session's own"
            raise BrokenError(Fault(Verdict.FOREIGN_SESSION, wanted, came, other.evidence()))


def must_have_worked(tool: str, stream: Stream) -> None:
    match stream.response:
        case None:
            for event in stream.events:
                for message in messages(event.data):
                    if "method" not in message and "result" in message and stream.request:
                        wanted, came = json.dumps(stream.request[0]), json.dumps(message.get("id"))
                        fault = Fault(Verdict.CORRUPTED, f"a response with the id {wanted}", came)
                        fault.evidence = stream.evidence()
                        raise BrokenError(fault)
            answer = stream.answer
            if answer and "data:" in answer.text:
                came = f"{answer.status}, Content-Type: {answer.type or '(none)'}"
                raise BrokenError(Fault(Verdict.MISLABELLED, "text/event-stream", came, stream.evidence()))
            told = f"{answer.status} {answer.text[:300]}".strip() if answer else "nothing"
            raise UnfitError(f"The call of {tool} was answered with {told}, and not with a response.")
        case {"error": error}:
            raise UnfitError(f"{tool} was refused: {json.dumps(error)[:300]}")
        case {"result": {"isError": True, **rest}}:
            raise UnfitError(f"{tool} failed: {json.dumps(rest)[:300]}")
        case _:
            pass


def stream_of(play: Play, method: str) -> Stream:
    return play.post if method == "POST" else play.get
