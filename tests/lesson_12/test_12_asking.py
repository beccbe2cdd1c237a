"""How the checker asks: arguments from a schema, tools page by page, headers from the environment."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import bench
import httpx
import pytest
from kinds import SLOW, Arguments, Kind
from pydantic import JsonValue
from sound import LENGTHS, TOOLS, Message, RefusedError, Sound, result
from streams import Session
from web import Out, Request, listening

from laboratory.flags import parse_flags, repeating
from laboratory.peer import LONG, Peer
from laboratory.proposals import proposals
from laboratory.tools import Tool
from laws import eviction
from processes import run

SECRET = "a-secret-of-the-test"  # noqa: S105
REQUIRED: JsonValue = {
    "type": "object",
    "properties": {
        "steps": {"type": "integer", "minimum": 2, "maximum": 50},
        "delay_ms": {"type": "number"},
        "name": {"type": "string", "minLength": 12},
        "mode": {"enum": ["quick", "slow"]},
        "where": {"$ref": "#/$defs/Place"},
        "note": {"type": "string"},
    },
    "required": ["steps", "name", "mode", "where"],
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
}


@asynccontextmanager
async def peer_of(server: Sound, headers: dict[str, str] | None = None) -> AsyncGenerator[Peer]:
    async with (
        listening(server.serve, server.reads_at_most) as listener,
        httpx.AsyncClient(trust_env=False, timeout=LONG) as http,
    ):
        yield Peer(listener.url, http, headers or {}, bench.PROTOCOL, bench.PATIENCE, http)
        for session in server.sessions.values():
            session.end()


def test_arguments_are_made_from_the_schema() -> None:
    tool = Tool.model_validate({"name": "build", "inputSchema": REQUIRED})
    few, many = tool.tuned(10, 0.1), tool.tuned(2000, 0.001)
    assert (few["steps"], few["delay_ms"]) == (10, 100)
    assert (many["steps"], many["delay_ms"]) == (50, 1)  # no more than the schema allows
    assert set(few) == {"steps", "delay_ms", "name", "mode", "where"}  # what is not required is left out
    assert len(str(few["name"])) >= 12
    assert (few["mode"], few["where"]) == ("quick", {"x": 1})


class ManyPages(Sound):
    """One tool on each page of `tools/list`, the one that serves on the last."""

    pages: tuple[JsonValue, ...] = (
        {"name": "mute", "inputSchema": {"type": "object", "properties": {"count": {"type": "integer"}}}},
        {"name": "other", "inputSchema": {"type": "object"}},
        {"name": "count", "inputSchema": {"type": "object", "properties": LENGTHS}},
    )

    async def reply(self, session: Session, message: Message, out: Out) -> None:
        if message.method != "tools/list":
            return await super().reply(session, message, out)
        page = int(str(message.params.get("cursor", "0")))
        told: dict[str, JsonValue] = {"tools": [self.pages[page]]}
        if page + 1 < len(self.pages):
            told["nextCursor"] = str(page + 1)
        return await out.json(200, result(message.id, told))


class GoesInCircles(Sound):
    """The last page of `tools/list` leads to the first."""

    async def reply(self, session: Session, message: Message, out: Out) -> None:
        if message.method != "tools/list":
            return await super().reply(session, message, out)
        return await out.json(200, result(message.id, {"tools": TOOLS, "nextCursor": "again"}))


def test_tools_are_read_to_the_last_page_and_only_those_proposed_that_send_something() -> None:
    async def proposed(server: Sound) -> dict[str, str]:
        async with peer_of(server) as peer:
            return {one.tool.name: one.word for one in await proposals(peer)}

    assert asyncio.run(proposed(ManyPages())) == {"count": "could serve", "mute": "no", "other": "perhaps"}
    assert asyncio.run(proposed(GoesInCircles())) == {"count": "could serve", "announce": "could serve"}


def test_a_bound_that_was_not_reached_in_time_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps 3,000 events, and 100 were sent when time was over: a green exit would prove nothing."""
    monkeypatch.setattr(eviction, "FLOODING", 0.0)
    monkeypatch.setattr(eviction, "ROUNDS", 1)
    few: Arguments = {"count": 20, "interval": 0}
    kind = Kind("slow-to-fill", "", Sound, frozenset(), 8, "count", SLOW, few, None, costly=False)
    finding = asyncio.run(bench.judge(kind, 1, 8))
    assert finding.came == ["unknown"]
    assert "and then time was over" in finding.said


class AsksForAToken(Sound):
    """Who does not show the token is refused."""

    def check(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {SECRET}":
            raise RefusedError(401, "Show the token.")
        super().check(request)


def test_a_header_comes_from_the_environment_and_is_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("client.py", "http://127.0.0.1:1/mcp", "--tool", "count", "--protocol", "2025-06-18")
    monkeypatch.setattr(sys, "argv", [*words, "--header", "Authorization: Bearer $PROVE_IT_TOKEN"])
    monkeypatch.setenv("PROVE_IT_TOKEN", SECRET)
    flags = parse_flags()
    again = repeating(flags)
    assert SECRET not in again
    assert "--header 'authorization: Bearer $PROVE_IT_TOKEN'" in again
    assert "--protocol 2025-06-18" in again

    async def served(headers: dict[str, str]) -> bool:
        async with peer_of(AsksForAToken(), headers) as peer:
            return (await peer.ask("POST", {}, b"{}")).status != 401

    assert asyncio.run(served(flags.headers))
    assert not asyncio.run(served({}))
    monkeypatch.delenv("PROVE_IT_TOKEN")
    with pytest.raises(SystemExit):
        parse_flags()


@pytest.mark.timeout(300)
def test_servers_that_answer_nonsense_get_a_report() -> None:
    """More of them: `uv run --group test python tests/lesson_12/nonsense.py --kinds 1000`."""
    code, output = run(Path(__file__).parent, "nonsense.py", "--kinds", "32", patience=280)
    assert code == 0, output
    assert output.endswith("32 of 32 ended with a report")
