"""The bench: the checker against servers with one fault each, and against sound ones that speak otherwise.

uv run --group test python tests/lesson_12/bench.py --all          each asked what it is about
uv run --group test python tests/lesson_12/bench.py --seeds 10     all laws, ten times: many minutes
uv run --group test python tests/lesson_12/bench.py caps-at-two-hundred --law 3 --seed 7 --bytes
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "12_prove_it"))

import broken_doors
import broken_ids
import broken_lives
import broken_replay
import dialects
import httpx
from kinds import KINDS, Kind
from web import listening

from laboratory.checker import Order, examine
from laboratory.outcomes import UnfitError
from laboratory.peer import LONG, Peer
from laboratory.results import Report

FILLED_BY = (broken_replay, broken_ids, broken_doors, broken_lives, dialects)  # they have filled KINDS
PROTOCOL, PATIENCE, QUIET = "2025-11-25", 4.0, 0.6
TRIES = 3  # where the machine was too busy for an answer; a mutant that is missed is missed
SIDE_BY_SIDE = 4  # cases, until what is sought was seen
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # certificates take a while to load, and none is needed
WHOLE, PART = 400.0, 300.0  # seconds for all laws, and for one


@dataclass(frozen=True)
class Finding:
    """What the checker said of one kind, asked with one seed."""

    kind: str
    seed: int
    deserves: list[str]
    came: list[str]
    said: str
    seconds: float

    @property
    def is_right(self) -> bool:
        return bool(set(self.deserves) & set(self.came)) if self.deserves else not (self.came or self.said)

    def __str__(self) -> str:
        word = "ok" if self.is_right else "MISSED" if self.deserves else "WRONGED"
        wanted = "/".join(self.deserves) or "clean"
        came = ", ".join(self.came) or "nothing"
        return f"{word:<8}{self.kind:<34}{wanted:<22}{came:<30} {self.seconds:4.1f} s {self.said[:200]!r}"


@asynccontextmanager
async def served(kind: Kind) -> AsyncGenerator[str]:
    server = kind.server()
    async with listening(server.serve, server.reads_at_most) as listener:
        server.die = listener.die
        try:
            yield listener.url
        finally:
            for session in server.sessions.values():
                session.end()


async def judge(kind: Kind, seed: int, law: int | None, *, evidence: bool = False) -> Finding:
    began = time.monotonic()
    no_reuse = httpx.Limits(max_keepalive_connections=0)
    async with (
        served(kind) as url,
        httpx.AsyncClient(trust_env=False, timeout=LONG, limits=no_reuse, verify=NO_TLS) as http,
        httpx.AsyncClient(trust_env=False, timeout=LONG, verify=NO_TLS) as kept,
    ):
        order = Order(
            kind.tool,
            kind.slow,
            kind.fast,
            seed,
            law,
            quiet=QUIET,
            time_limit=WHOLE if law is None else PART,
            thorough=1.0 if law is None else 0.5,
            flood=kind.flood if law else 70_000,
            side_by_side=SIDE_BY_SIDE if kind.deserves and law else 12,
            sought=kind.deserves if law else frozenset(),
        )
        report = Report(url, kind.tool, seed, "")
        peer = Peer(url, http, {}, PROTOCOL, PATIENCE, kept)
        [end] = await asyncio.gather(examine(peer, order, report, lambda: None), return_exceptions=True)
        said = "" if end is None else str(end) if isinstance(end, UnfitError) else f"a traceback: {end!r}"
    came = report.verdicts | ({"unknown"} if report.unknown else set[str]())
    said = said or "; ".join(sorted({result.unknown for result in report.results if result.unknown}))
    if evidence:
        for fault in (result.fault for result in report.results if result.fault):
            print(report.seed, fault.verdict, fault.expected, fault.came, fault.evidence, sep="\n")
    seconds = round(time.monotonic() - began, 1)
    return Finding(kind.name, seed, sorted(kind.deserves), sorted(came), said, seconds)


async def judge_all(kinds: list[Kind], flags: argparse.Namespace) -> list[Finding]:
    slots = asyncio.Semaphore(flags.at_once)
    findings: list[Finding] = []
    all_laws = flags.seeds > 1 or flags.all_laws

    async def in_turn(kind: Kind, seed: int) -> None:
        async with slots:
            law = flags.law or (None if all_laws else kind.law)
            finding = await judge(kind, seed, law, evidence=flags.bytes)
            for again in range(1, 1 if flags.law or all_laws else TRIES):
                if not finding.is_right and finding.came == ["unknown"]:
                    finding = await judge(kind, seed + 1000 * again, law)
            findings.append(finding)
            as_json = asdict(finding) | {"is_right": finding.is_right}
            print(json.dumps(as_json) if flags.json else finding, flush=True)

    async with asyncio.TaskGroup() as all_:
        for seed in range(flags.seed, flags.seed + flags.seeds):
            for kind in kinds:
                all_.create_task(in_turn(kind, seed))
    return findings


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Holds the checker to servers whose faults are known.")
    parser.add_argument("kinds", nargs="*", help="which of them, or a family (default: all)")
    parser.add_argument("--seeds", type=int, default=1, help="how often; more than once: with all laws")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default: %(default)s)")
    parser.add_argument("--law", type=int, help="ask this one only")
    parser.add_argument("--all", action="store_true", help="the costly ones, too")
    parser.add_argument("--all-laws", action="store_true", help="ask all laws of each")
    parser.add_argument("--at-once", type=int, default=8, help="checkers at the same time")
    parser.add_argument("--bytes", action="store_true", help="show the evidence")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each finding")
    return parser


def chosen(flags: argparse.Namespace) -> list[Kind]:
    all_kinds = flags.seeds > 1 or flags.all
    return [
        kind
        for kind in KINDS.values()
        if kind.name in flags.kinds
        or ((all_kinds or not kind.costly) and (not flags.kinds or kind.family in flags.kinds))
    ]


def main() -> int:
    ready = parser()
    flags = ready.parse_args()
    families = {kind.family for kind in KINDS.values()}
    if unknown := set(flags.kinds) - set(KINDS) - families:
        ready.error(f"there is no {', '.join(unknown)}; there are {', '.join([*families, *KINDS])}")
    findings = asyncio.run(judge_all(chosen(flags), flags))
    wrong = [finding for finding in findings if not finding.is_right]
    if not flags.json:
        print(f"{len(findings) - len(wrong)} of {len(findings)} as they should be")
        for finding in wrong:
            print(finding)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
