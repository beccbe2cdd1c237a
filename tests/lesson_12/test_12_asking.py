"""How the checker asks: arguments from a schema, tools page by page, headers from the environment."""

import argparse
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

from laboratory.evidence import conceal, hidden
from laboratory.flags import parse_flags, repeating
from laboratory.peer import LONG, Peer
from laboratory.proposals import proposals
from laboratory.report import progress
from laboratory.results import Report
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
    monkeypatch.setattr(sys, "argv", [*words, "--header", "Authorization=Bearer $PROVE_IT_TOKEN"])
    monkeypatch.setenv("PROVE_IT_TOKEN", SECRET)
    flags = parse_flags()
    again = repeating(flags)
    assert SECRET not in again
    assert "--header 'authorization=Bearer $PROVE_IT_TOKEN'" in again
    assert "--protocol 2025-06-18" in again

    async def served(headers: dict[str, str]) -> bool:
        async with peer_of(AsksForAToken(), headers) as peer:
            return (await peer.ask("POST", {}, b"{}")).status != 401

    assert asyncio.run(served(flags.headers))
    assert not asyncio.run(served({}))
    monkeypatch.delenv("PROVE_IT_TOKEN")
    with pytest.raises(SystemExit):
        parse_flags()


TOML = """
url = "http://127.0.0.1:1/mcp"
tool = "count"
patience = 7
args = { count = 4 }
junit = "result.xml"

[headers]
Authorization = "Bearer $PROVE_IT_TOKEN"
"""


def asked(monkeypatch: pytest.MonkeyPatch, *words: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["client.py", *words])
    return parse_flags()


def test_prove_toml_holds_what_one_would_type_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is typed goes before; a secret stays in the environment, and is shown nowhere."""
    (tmp_path / "prove.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROVE_IT_TOKEN", SECRET)
    flags = asked(monkeypatch, "--patience", "9")
    assert (flags.url, flags.tool, flags.args) == ("http://127.0.0.1:1/mcp", "count", {"count": 4})
    assert (flags.patience, flags.junit) == (9, Path("result.xml"))
    assert flags.headers == {"authorization": f"Bearer {SECRET}"}
    assert "--header 'Authorization=Bearer $PROVE_IT_TOKEN'" in repeating(flags)
    conceal(f"Bearer {SECRET}")
    assert SECRET not in hidden(f"x-mine: Bearer {SECRET}")
    elsewhere = asked(monkeypatch, "http://127.0.0.1:2/mcp")
    assert (elsewhere.url, elsewhere.tool) == ("http://127.0.0.1:2/mcp", None)  # a URL: nothing is read


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("tooll = 1", "prove.toml: tooll: Extra inputs are not permitted."),
        ("url = ", "prove.toml: Invalid value"),
        ("patience = -1", "prove.toml: patience: Input should be greater than 0."),
    ],
)
def test_a_prove_toml_that_is_wrong_gets_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    toml: str,
    sentence: str,
) -> None:
    (tmp_path / "prove.toml").write_text(toml, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        asked(monkeypatch)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(sentence)


@pytest.mark.parametrize(
    "words", [("--", "node", "server.js"), ("python server.py",), ("python", "server.py")]
)
def test_a_stdio_server_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as end:
        asked(monkeypatch, *words)
    assert end.value.code == 2
    assert "stdio server" in capsys.readouterr().err


def test_while_it_runs_it_says_what_is_asked() -> None:
    report = Report("", "count", 1, "")
    assert progress(report, 2.0).plain == "  2 s  calling count, uncut"
    report.planned, report.tried = 80, 41
    report.under_way += ["law 2, the whole is the same, seed 7", "another"]
    assert (
        progress(report, 12.3).plain
        == " 12 s  41 of 80  asking law 2, the whole is the same, seed 7 and 1 more"
    )


@pytest.mark.timeout(300)
def test_servers_that_answer_nonsense_get_a_report() -> None:
    """More of them: `uv run --group test python tests/lesson_12/nonsense.py --kinds 1000`."""
    code, output = run(Path(__file__).parent, "nonsense.py", "--kinds", "32", patience=280)
    assert code == 0, output
    assert output.endswith("32 of 32 ended with a report")
