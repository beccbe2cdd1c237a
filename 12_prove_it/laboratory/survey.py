"""The survey: is this a server whose streams can be resumed, which tool serves, and what is its oracle?

fit   of a tool: called once, it sends some messages, and the same ones each time
"""

import asyncio
import json
import re
from collections.abc import Sequence
from itertools import pairwise, permutations

import httpx
from pydantic import BaseModel, Field, JsonValue, TypeAdapter, ValidationError

from laboratory.lab import Arguments, BrokenError, Lab, NothingToResumeError, Play, UnfitError
from laboratory.oracle import Fault, Oracle, Verdict
from laboratory.peer import Peer
from laboratory.session import Message, NotMcpError, Session, Stream

MANY, OFTEN = 2000, 0.001
NUMBER_OF = re.compile(r"(?i)count|number|^n$|steps|times|total|amount|messages")
PAUSE = re.compile(r"(?i)interval|delay|pause|sleep|wait|period")
IN_MILLISECONDS = re.compile(r"(?i)millisecond|ms\b")
FEW = 2  # messages that a tool has to send, so that there is something between which to cut


class Property(BaseModel):
    type: JsonValue = None
    description: str = ""
    default: JsonValue = None
    maximum: float | None = None
    minimum: float | None = None


class Schema(BaseModel):
    properties: dict[str, Property] = Field(default_factory=dict[str, Property])
    required: list[str] = Field(default_factory=list[str])


class Tool(BaseModel):
    name: str
    description: str = ""
    input_schema: Schema = Field(alias="inputSchema", default_factory=Schema)

    def tuned(self, number_of: float, pause: float, known: Arguments | None = None) -> Arguments:
        """Arguments for so many messages with such a pause, as far as the names of the arguments tell."""
        arguments = dict(known or {})
        for name, about in self.input_schema.properties.items():
            low, high = about.minimum or 0.0, about.maximum if about.maximum is not None else float("inf")
            if about.type not in ("integer", "number"):
                continue
            if NUMBER_OF.search(name):
                arguments[name] = int(min(high, max(low, number_of)))
            elif PAUSE.search(name):
                unit = 1000 if IN_MILLISECONDS.search(f"{about.description} {name}") else 1
                value = min(high, max(low, pause * unit))
                arguments[name] = max(1, round(value)) if about.type == "integer" or unit > 1 else value
        return arguments

    @property
    def could_serve(self) -> bool:
        return any(NUMBER_OF.search(name) for name in self.input_schema.properties)


async def tools_of(session: Session) -> list[Tool]:
    _, message = await session.call("tools/list", {})
    try:
        match message.result:
            case {"tools": list(tools)}:
                return TypeAdapter(list[Tool]).validate_python(tools)
            case _:
                return []
    except ValidationError as mistake:
        raise UnfitError(f"tools/list is not understood: {mistake.errors()[0]['msg']}.") from None


async def open_first(peer: Peer) -> Session:
    """The first session, or a sentence that says why there is none."""
    try:
        session = await Session.open(peer, 1)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise UnfitError(f"{peer.url} cannot be reached ({error}): is the server up?") from None
    except (NotMcpError, TimeoutError) as error:
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
    except (httpx.TransportError, TimeoutError):
        return False
    return answer.status == 200 and '"result"' in answer.text


async def survey(lab: Lab, quiet: float) -> None:
    """Make the oracles, and find on which stream the messages come."""
    session = await open_first(lab.peer)
    tools = {tool.name: tool for tool in await tools_of(session)}
    await session.delete()
    if lab.tool not in tools:
        raise UnfitError(f"There is no tool {lab.tool!r} here; there are: {', '.join(tools) or 'none'}.")
    if lab.fast_args is None:
        lab.fast_args = tools[lab.tool].tuned(MANY, OFTEN, lab.slow_args)
    alone = await lab.play(lab.slow, linger=quiet)
    slow, fast = await asyncio.gather(uncut(lab, lab.slow, quiet), uncut(lab, lab.fast, quiet))
    if not agree([alone, *slow]) or not agree(fast):  # sessions that disturb one another are no oracle
        slow = [await lab.play(lab.slow, linger=quiet) for _ in slow]
        fast = [await lab.play(lab.fast, linger=quiet) for _ in fast]
    slow = [alone, *slow]
    for oracle, plays in ((lab.slow, slow), (lab.fast, fast)):
        learn(lab, oracle, plays)
    lab.slow.masks |= lab.fast.masks  # a time in milliseconds may be the same in some slow runs, by chance
    lab.fast.masks |= lab.slow.masks
    learn(lab, lab.slow, slow)
    learn(lab, lab.fast, fast)
    lab.uncut = [*slow, *fast]
    lab.home = "GET" if len(lab.slow.due["GET"]) >= len(lab.slow.due["POST"]) else "POST"
    if len(lab.slow.due[lab.home]) < FEW:
        raise UnfitError(
            f"{lab.tool} sends nothing but its answer: nothing to cut between. Choose a tool that reports."
        )
    lab.response_is_last = all(
        play.get.events and play.post.events and play.post.events[-1].at >= play.get.events[-1].at
        for play in slow
    )
    lab.primes = {
        stream.method
        for stream in slow[0].streams
        if stream.ids and stream.events and stream.ids[0] != stream.events[0].id
    }
    lab.has_get = bool(lab.slow.due["GET"])
    ids = [event_id for play in slow for stream in play.streams for event_id in set(stream.ids)]
    lab.ids_are_global = len(ids) == len(set(ids))


async def uncut(lab: Lab, oracle: Oracle, quiet: float) -> list[Play]:
    return await asyncio.gather(*(lab.play(oracle, linger=quiet) for _ in range(2)))


def agree(plays: Sequence[Play]) -> bool:
    """As far as the numbers of their messages go."""
    return len({(len(play.post.events), len(play.get.events)) for play in plays}) == 1


def learn(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> None:
    for method in ("POST", "GET"):
        streams = [stream_of(play, method) for play in plays]
        if not oracle.learn(method, [stream.data for stream in streams]):
            must_not_be_shared(streams)
            numbers = ", ".join(str(len(stream.events)) for stream in streams)
            raise UnfitError(
                f"{lab.tool} sends now more, now fewer messages, uncut ({numbers} on the {method} stream): "
                "nothing can be held against that. Choose other arguments."
            )
        for stream in streams:
            times = [event.at for event in stream.events]
            oracle.longest_gap = max([oracle.longest_gap, *(b - a for a, b in pairwise(times))])
            oracle.lasts = max([oracle.lasts, *(time - times[0] for time in times)])
    must_have_worked(lab.tool, plays[0].post)


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
            answer = stream.answer
            told = f"{answer.status} {answer.text[:300]}".strip() if answer else "nothing"
            raise UnfitError(f"The call of {tool} was answered with {told}, and not with a response.")
        case Message(error=error) if error:
            raise UnfitError(f"{tool} was refused: {json.dumps(error)[:300]}")
        case Message(result={"isError": True, **rest}):
            raise UnfitError(f"{tool} failed: {json.dumps(rest)[:300]}")
        case _:
            pass


def stream_of(play: Play, method: str) -> Stream:
    return play.post if method == "POST" else play.get
