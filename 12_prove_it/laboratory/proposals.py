"""Which tools could serve: each that takes a number of messages is called once, to see what it sends."""

import asyncio
from dataclasses import dataclass

from pydantic import JsonValue

from laboratory.opening import open_first, tools_of
from laboratory.peer import Peer
from laboratory.session import Session
from laboratory.stream import Stream
from laboratory.tools import FEW, MANY, OFTEN, SELDOM, Arguments, Tool

LEAST = 2
ENOUGH = 3  # messages; it serves


@dataclass(frozen=True)
class Proposal:
    tool: Tool
    args: Arguments
    fast_args: Arguments
    came: int | None = None  # messages; None: it was not called
    primed: bool = False  # an id comes before its answer
    refused: str = ""

    @property
    def serves(self) -> bool:
        return self.came is not None and (self.came >= LEAST or self.primed) and not self.refused

    @property
    def word(self) -> str:
        if self.came is None:
            return "perhaps"
        return "could serve" if self.serves else "no"

    @property
    def why(self) -> str:
        if self.came is None:
            return "(not called: nothing in its schema says how many messages it sends)"
        if self.came < LEAST and not self.refused:
            return f"(it sends nothing but its answer{': cut before that' if self.serves else ''})"
        return f"({self.refused})" if self.refused else ""


async def proposals(peer: Peer) -> list[Proposal]:
    session = await open_first(peer)
    try:
        found = [await tried(session, tool) for tool in await tools_of(session)]
    finally:
        await session.delete()
    return sorted(found, key=lambda one: (not one.serves, one.came is not None))


async def tried(session: Session, tool: Tool) -> Proposal:
    args, fast = tool.tuned(FEW, SELDOM), tool.tuned(MANY, OFTEN)
    if not tool.could_serve or tool.annotations.get("destructiveHint") is True:
        return Proposal(tool, args, fast)
    came, primed, refused = 0, False, ""
    listener = Stream(session, "GET")
    listening = asyncio.create_task(listener.read(None, lambda: len(listener.events) >= ENOUGH))
    try:
        params: JsonValue = {
            "name": tool.name,
            "arguments": args,
            "_meta": {"progressToken": "prove-it-proposes"},
        }
        stream = Stream(session, "POST", None, session.body("tools/call", params))
        await asyncio.wait({listening}, timeout=session.peer.moment / 4)
        await stream.read(session.peer.patience, lambda: len(stream.events) >= ENOUGH)
        if len(stream.events) < ENOUGH:
            await asyncio.wait({listening}, timeout=session.peer.moment)
        came = max(len(stream.events) - (stream.response is not None), len(listener.events))
        primed = bool(stream.ids and stream.events) and stream.ids[0] != stream.events[0].id
        match stream.response:
            case {"error": {"message": str(said)}}:
                refused = f"refused: {said[:100]}"
            case {"result": {"isError": True}}:
                refused = "it failed, with arguments made from its schema"
            case _:
                pass
    finally:
        listening.cancel()
        await asyncio.wait({listening})
    return Proposal(tool, args, fast, came, primed, refused)
