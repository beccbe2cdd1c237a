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
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from importlib import import_module
from pathlib import Path
from typing import Any

from listener import Listener, Tally

LESSON = Path(__file__).parent.parent / "11_many_workers"


async def serve(url: str, workers: int) -> tuple[Process, int]:
    flags = ["server.py", "--port", "0", "--workers", str(workers), "--redis", url, "--patience", "5"]
    flags += ["--max-sessions", "100000", "--max-jobs", "2000", "--max-events", "100000", "--turn", "300"]
    server = await asyncio.create_subprocess_exec(
        sys.executable, *flags, cwd=LESSON, stdin=DEVNULL, stdout=PIPE
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


def worked(pid: int) -> float:
    """Seconds of a core: its own and those of its children that have ended. Linux tells."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


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
            listeners = [Listener(port, flags.rate, tally) for _ in range(flags.sessions)]
            killing = asyncio.create_task(kill_at_random(server, redis, flags, tally))
            async with asyncio.TaskGroup() as tasks:
                for listener in listeners:
                    tasks.create_task(listener.run())
            took = time.monotonic() - began
            killing.cancel()
            tally.work = {
                "client": worked(os.getpid()),
                "workers": worked(server.pid) + sum(map(worked, children(server.pid))),
                "Redis": worked(redis.pid),
            }
    for listener in listeners:
        listener.count()
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
        "work": ", ".join(f"{who} {seconds:.0f} s" for who, seconds in tally.work.items()) + " of a core",
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
