"""Lesson 11 under load, while its processes are killed: what was sent, delivered, lost and doubled.

    uv run benchmarks/soak.py                                      a hundred random kills
    uv run benchmarks/soak.py --sessions 1000 --rate 1 --seconds 60 --kill-each 10

Each session follows one build and resumes by itself. A kill ends a random worker, or Redis, by SIGKILL.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import re
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

LESSON = Path(__file__).parent.parent / "11_many_workers"
EVENT = re.compile(rb'id: (\d{16})\ndata: [^\n]*?(?:"number":(\d+)|"answer":)[^\n]*\n\n')
RETRY = 0.2
QUIET = 60.0  # seconds after which a session that brings nothing more has lost what it waits for


@dataclass
class Tally:
    sessions: int
    steps: int
    delivered: int = 0
    lost: int = 0
    doubled: int = 0
    moved: int = 0
    begun_again: int = 0  # calls that had no answer, and were sent again with the same id
    resumes: list[float] = field(default_factory=list[float])  # seconds from a loss to the next connection
    gaps: list[float] = field(default_factory=list[float])  # the longest silence of each session, in seconds
    kills: Counter[str] = field(default_factory=Counter[str])
    refused: Counter[str] = field(default_factory=Counter[str])
    workers: dict[int, int] = field(default_factory=dict[int, int])  # connections by worker


class Session:
    """One client: a stream that is read on as many connections as it takes."""

    def __init__(self, port: int, number: int, flags: argparse.Namespace, tally: Tally) -> None:
        self.port, self.number, self.flags, self.tally = port, number, flags, tally
        self.headers = "mcp-protocol-version: 2025-11-25\r\naccept: application/json, text/event-stream\r\n"
        self.cursor = b""
        self.numbers: list[int] = []
        self.answered = False

    async def request(self, method: str, body: str = "", more: str = "") -> tuple[bytes, bytes]:
        """A connection for one request; the head and the body of its answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self.head(method, body, more).encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head)
            return head, await reader.readexactly(int(length[1]) if length else 0)
        finally:
            writer.close()

    def head(self, method: str, body: str = "", more: str = "") -> str:
        kind = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n" if body else ""
        return f"{method} /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n{self.headers}{more}{kind}\r\n{body}"

    async def ask(self, body: str, *, often: bool) -> bytes:
        """Post until it is answered with 200."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                head, told = await self.request("POST", body)
                if b" 200 " in head[:20]:
                    return head
                self.tally.refused[f"POST {head[9:12].decode()} {told[:90].decode()}"] += 1
            self.tally.begun_again += often
            await asyncio.sleep(RETRY)

    async def run(self) -> None:
        began = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}'
        head = await self.ask(began, often=False)
        found = re.search(rb"mcp-session-id: (\w+)", head)
        if not found:
            raise RuntimeError("no session")
        self.headers += f"mcp-session-id: {found[1].decode()}\r\n"
        steps, interval = self.tally.steps, 1 / self.flags.rate
        params = f'{{"name":"build_project","arguments":{{"steps":{steps},"interval":{interval}}}}}'
        call = f'{{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{params}}}'
        listening = asyncio.create_task(self.listen())
        try:
            await asyncio.sleep(random.random() / self.flags.rate)  # noqa: S311 (not all at once)
            await self.ask(call, often=True)
            await listening
        finally:
            listening.cancel()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.request("DELETE")

    async def listen(self) -> None:
        last, longest, lost_at = time.monotonic(), 0.0, None
        while not self.answered:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                with contextlib.closing(writer):
                    more = f"last-event-id: {self.cursor.decode()}\r\n" if self.cursor else ""
                    writer.write(self.head("GET", more=more).encode())
                    head = await reader.readuntil(b"\r\n\r\n")
                    if b" 200 " not in head[:20]:
                        told = await reader.read(300)
                        self.tally.refused[f"GET {head[9:12].decode()} {told[:90].decode()}"] += 1
                        if head[9:10] == b"4":
                            return
                    elif worker := re.search(rb"x-worker: (\d+)", head):
                        pid = int(worker[1])
                        self.tally.workers[pid] = self.tally.workers.get(pid, 0) + 1
                        if lost_at is not None:
                            self.tally.resumes.append(time.monotonic() - lost_at)
                        last, longest = await self.read(reader, last, longest)
            except TimeoutError:
                return
            except (OSError, asyncio.IncompleteReadError):
                pass
            if lost_at is None or time.monotonic() - lost_at > RETRY:
                lost_at = time.monotonic()
            if not self.answered:
                await asyncio.sleep(RETRY)
        self.tally.gaps.append(longest)

    async def read(self, reader: asyncio.StreamReader, last: float, longest: float) -> tuple[float, float]:
        kept = b""
        while not self.answered:
            async with asyncio.timeout(QUIET):
                some = await reader.read(65536)
            if not some:
                break
            kept += some
            end = 0
            for event in EVENT.finditer(kept):
                end = event.end()
                self.cursor = event[1]
                if event[2]:
                    self.numbers.append(int(event[2]))
                    now = time.monotonic()
                    last, longest = now, max(longest, now - last)
                else:
                    self.answered = True
            if primed := re.search(rb"id: (\d{16})\ndata:\n\n", kept):
                self.cursor = self.cursor or primed[1]
            kept = kept[end:]
        return last, longest

    def count(self) -> None:
        tally, seen = self.tally, Counter(self.numbers)
        tally.delivered += len(self.numbers)
        tally.lost += tally.steps - len(seen) + (not self.answered)
        tally.doubled += sum(seen.values()) - len(seen)
        tally.moved += self.numbers != sorted(self.numbers)


async def serve(url: str, workers: int) -> tuple[Process, int]:
    flags = ("server.py", "--port", "0", "--workers", str(workers), "--redis", url)
    more = ("--max-sessions", "100000", "--max-jobs", "2000", "--max-events", "100000", "--patience", "5")
    server = await asyncio.create_subprocess_exec(
        sys.executable, *flags, *more, cwd=LESSON, stdin=DEVNULL, stdout=PIPE
    )
    if not server.stdout:
        raise RuntimeError("no output")
    line = (await server.stdout.readline()).decode()
    return server, int(line.rpartition(":")[2].partition("/")[0])


def children(pid: int) -> list[int]:
    """The workers; Linux tells."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [
        int(child)
        for child in listed
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


async def kill_at_random(server: Process, redis: Any, flags: argparse.Namespace, tally: Tally) -> None:
    dice = random.Random(flags.seed)  # noqa: S311 (to be repeated)
    while sum(tally.kills.values()) < flags.kills:
        await asyncio.sleep(flags.kill_each * dice.uniform(0.5, 1.5))
        if dice.random() < flags.redis_share:
            redis.kill()
            tally.kills["redis"] += 1
            await asyncio.sleep(dice.uniform(0, 1))
            await asyncio.to_thread(redis.again)
        elif workers := children(server.pid):
            os.kill(dice.choice(workers), signal.SIGKILL)
            tally.kills["worker"] += 1


@contextlib.asynccontextmanager
async def all_of_it(workers: int, folder: str) -> AsyncGenerator[tuple[Process, int, Any]]:
    sys.path.insert(0, str(LESSON))
    own: Any = import_module("redis_server")
    redis = own.RedisServer(own.find(), Path(folder))
    try:
        server, port = await serve(redis.url, workers)
        draining = asyncio.create_task(server.stdout.read() if server.stdout else asyncio.sleep(0))
        try:
            yield server, port, redis
        finally:
            server.terminate()
            await server.wait()
            draining.cancel()
    finally:
        redis.kill()


async def main(flags: argparse.Namespace) -> int:
    steps = round(flags.rate * flags.seconds)
    tally = Tally(flags.sessions, steps)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with all_of_it(flags.workers, folder) as (server, port, redis):
            began = time.monotonic()
            sessions = [Session(port, number, flags, tally) for number in range(flags.sessions)]
            killing = asyncio.create_task(kill_at_random(server, redis, flags, tally))
            async with asyncio.TaskGroup() as tasks:
                for session in sessions:
                    tasks.create_task(session.run())
            took = time.monotonic() - began
            killing.cancel()
    for session in sessions:
        session.count()
    report(flags, tally, took)
    return int(bool(tally.lost or tally.doubled or tally.moved))


def report(flags: argparse.Namespace, tally: Tally, took: float) -> None:
    sent = tally.sessions * tally.steps
    kills = ", ".join(f"{number} of {kind}" for kind, number in sorted(tally.kills.items())) or "none"
    resumes, gaps = sorted(tally.resumes), sorted(tally.gaps)
    rows = {
        "sessions, workers": f"{tally.sessions:,}, {flags.workers}",
        "kills": kills,
        "messages due": f"{sent:,} ({tally.steps:,} in each session, {flags.rate:g} a second)",
        "delivered": f"{tally.delivered:,} ({tally.delivered / took:,.0f} a second)",
        "lost": f"{tally.lost:,}",
        "doubled": f"{tally.doubled:,}",
        "moved": f"{tally.moved:,}",
        "resumed": f"{len(resumes):,} times",
        "slowest resume": f"{resumes[-1]:.2f} s (median {resumes[len(resumes) // 2]:.2f} s)"
        if resumes
        else "-",
        "longest silence of a session": f"{gaps[-1]:.1f} s" if gaps else "-",
        "calls sent again": f"{tally.begun_again:,}",
        "took": f"{took:.0f} s, where {flags.seconds:g} s are due without a kill",
    }
    for what, value in rows.items():
        print(f"{what:<30}{value}")
    for told, number in tally.refused.most_common(5):
        print(f"{'refused':<30}{number:,} times: {told}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, seed {flags.seed}")


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Lesson 11 under load, while its processes are killed.")
    for flag, default, meaning in (
        ("--sessions", 20, "sessions at the same time"),
        ("--workers", 3, "processes of the server"),
        ("--rate", 5.0, "messages a second in each session"),
        ("--seconds", 150.0, "how long a build is due to take"),
        ("--kills", 100, "at most"),
        ("--kill-each", 1.5, "seconds between two kills, on average"),
        ("--redis-share", 0.15, "of the kills that hit Redis"),
        ("--seed", 11, "of all that is random in it"),
    ):
        parser.add_argument(
            flag, type=type(default), default=default, help=f"{meaning} (default: {default:g})"
        )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(parse_flags())))
    except KeyboardInterrupt:
        sys.exit(130)
