"""The opening: does a server speak MCP, with sessions, and which tools has it?

latency  the median of some pings, from which patience follows
"""

import json
from statistics import median

import httpx
from pydantic import JsonValue, TypeAdapter, ValidationError

from laboratory.outcomes import NothingToResumeError, UnfitError
from laboratory.peer import Peer
from laboratory.session import FullError, NotMcpError, Session
from laboratory.stream import now
from laboratory.tools import Tool

PINGS = 5
PAGES = 100  # of tools/list, at most


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


async def latency(session: Session) -> float:
    return median(await pings(session))


async def pings(session: Session) -> list[float]:
    """How long each of some pings took."""
    times: list[float] = []
    for _ in range(PINGS):
        began = now()
        await session.call("ping", {})
        times.append(now() - began)
    return times
