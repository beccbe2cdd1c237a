"""Lesson 11 under load, while it goes wrong around it: what was sent, delivered, lost, doubled, moved.

    uv run benchmarks/soak.py                                    on Redis, five kinds of faults
    uv run benchmarks/soak.py --faults older,worker              a Redis that comes back older than it was
    uv run benchmarks/soak.py --storage sqlite                   workers that die, and a disk that is full
    uv run benchmarks/soak.py --sessions 1000 --rate 10 --seconds 60 --faults worker --most 6 --pause 10

Each session follows one build and resumes by itself. The faults are explained in `faults.py`.
"""

import argparse
import asyncio
import os
import platform
import resource
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from bystanders import Deaf, Neighbour, told
from cable import Cable
from faults import Fault, Faults, children
from listener import Listener, Tally

LESSON = Path(__file__).parent.parent / "11_many_workers"
LEASE, STALL = 2.0, 5.0
KINDS = {
    "redis": ("worker", "redis", "client-kill", "stop", "cut", "older"),
    "sqlite": ("worker", "disk"),
}
FIRST_STEP, PAUSE = 2.0, LEASE + 5.0  # seconds, at most
WITHOUT_A_PAUSE = ("client-kill", "stop", "cut")  # Redis is there all the time


async def serve(*flags: str) -> tuple[Process, int]:
    own = f"--port 0 --lease {LEASE} --max-stall {STALL} --ping 1 --max-jobs 2000"
    large = "--max-sessions 100000 --max-events 100000"
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "server.py",
        *own.split(),
        *large.split(),
        *flags,
        cwd=LESSON,
        stdin=DEVNULL,
        stdout=PIPE,
    )
    if not server.stdout:
        raise RuntimeError("no output")
    line = (await server.stdout.readline()).decode()
    return server, int(line.rpartition(":")[2].partition("/")[0])


def worked(pid: int) -> float:
    """Seconds of a core: its own and those of its children that have ended. Linux tells."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, told[11:15])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def all_of_it(
    flags: argparse.Namespace, folder: str
) -> AsyncGenerator[tuple[Process, int, Any, Faults]]:
    sys.path.insert(0, str(LESSON))
    async with AsyncExitStack() as stack:
        redis: Any = None
        cable: Cable | None = None
        where = ("--storage", "sqlite", "--file", str(Path(folder) / "soak.db"))
        if flags.storage == "redis":
            own: Any = import_module("on_redis.own_server")
            options = ("--appendonly", "no") if "older" in flags.faults else ()
            redis = own.RedisServer(own.find(), Path(folder), *options)
            stack.callback(lambda: redis.kill())
            url = redis.url
            if "cut" in flags.faults:
                cable = await stack.enter_async_context(Cable(redis.port).laid())
                url = f"redis://127.0.0.1:{cable.port}/0"
            where = ("--redis", url, "--workers", str(flags.workers))
        server, port = await serve(*where)
        draining = asyncio.create_task(server.stdout.read() if server.stdout else asyncio.sleep(0))
        try:
            yield server, port, redis, Faults(server, port, redis, cable, LEASE, flags.seed)
        finally:
            server.terminate()
            await server.wait()
            draining.cancel()


async def main(flags: argparse.Namespace) -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a cable is two sockets for each connection
    steps = round(flags.rate * flags.seconds)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        async with all_of_it(flags, folder) as (server, port, redis, faults):
            lengths = [steps + number % 50 for number in range(flags.sessions)]
            tally = Tally(flags.sessions, sum(lengths))
            listeners = [Listener(port, flags.rate, length, tally) for length in lengths]
            neighbour, deaf = Neighbour(port), [Deaf(port) for _ in range(flags.deaf)]
            await neighbour.begin(most=flags.neighbour)
            first_steps = await neighbour.first_steps_of_another()
            await asyncio.gather(*(each.begin() for each in deaf))
            began = time.monotonic()
            going_wrong = asyncio.create_task(faults.play(flags.faults, flags.most, flags.pause))
            async with asyncio.TaskGroup() as tasks:
                for listener in listeners:
                    tasks.create_task(listener.run())
            took = time.monotonic() - began
            if going_wrong.done():
                going_wrong.result()  # or what ended it
            going_wrong.cancel()
            for _ in range(round(STALL * 20)):
                if all(each.let_go() for each in deaf):
                    break
                await asyncio.sleep(0.1)
            let_go = sum(each.let_go() for each in deaf)
            tally.work = {
                "client": worked(os.getpid()),
                "workers": worked(server.pid) + sum(map(worked, children(server.pid))),
            }
            if redis:
                tally.work["Redis"] = worked(redis.pid)
            for each in (neighbour, *deaf):
                await each.end()
    for listener in listeners:
        listener.count()
    bar = met(well=max(first_steps) <= FIRST_STEP)
    bystanders = {
        "beside it": f"a session at its limit, with {neighbour.builds} builds that sleep for 60 s",
        "another's first step": f"{told(first_steps)}, wanted {FIRST_STEP:g} s: {bar}",
        "deaf readers": f"{len(deaf)}, of these let go: {let_go}",
    }
    report(flags, tally, took, faults.done, bystanders)
    wrong = tally.lost or tally.doubled or tally.moved or tally.hung or tally.foreign or let_go < len(deaf)
    return int(bool(wrong))


def met(*, well: bool) -> str:
    return "met" if well else "missed"


def pauses(tally: Tally, done: list[Fault]) -> dict[str, str]:
    """The longest pause of a build that a fault fell into, or came just before."""
    rows: dict[str, str] = {}
    for kind in sorted({fault.kind for fault in done}):
        near = (
            until - since
            for since, until in tally.pauses
            for fault in done
            if fault.kind == kind and since - 0.5 < fault.ended and fault.began < until
        )
        longest = max(near, default=0.0)
        bar = f", wanted {PAUSE:g} s: {met(well=longest <= PAUSE)}" if kind in WITHOUT_A_PAUSE else ""
        rows[f"pause of a build, {kind}"] = f"{longest:.1f} s at most{bar}"
    return rows


def report(
    flags: argparse.Namespace, tally: Tally, took: float, done: list[Fault], bystanders: dict[str, str]
) -> None:
    kinds = Counter(fault.kind for fault in done)
    resumes, gaps = sorted(tally.resumes), sorted(tally.gaps)
    workers = flags.workers if flags.storage == "redis" else 1
    rows = {
        "storage, sessions, workers": f"{flags.storage}, {tally.sessions:,}, {workers}",
        "faults": ", ".join(f"{number} of {kind}" for kind, number in sorted(kinds.items())) or "none",
        "messages due": f"{tally.due:,} ({flags.rate:g} a second in each session)",
        "delivered": f"{tally.delivered:,} ({tally.delivered / took:,.0f} a second)",
        "lost": f"{tally.lost:,}",
        "doubled": f"{tally.doubled:,}",
        "moved": f"{tally.moved:,}",
        "hung": f"{tally.hung:,}",
        "foreign": f"{tally.foreign:,}",
        "resumed": f"{len(resumes):,} times",
        "slowest resume": f"{resumes[-1]:.2f} s (median {resumes[len(resumes) // 2]:.2f} s)"
        if resumes
        else "-",
        "told to begin afresh": f"{tally.afresh:,} times",
        "calls sent again": f"{tally.begun_again:,}",
        "longest silence of a session": f"{gaps[-1]:.1f} s" if gaps else "-",
        **pauses(tally, done),
        **bystanders,
        "work": ", ".join(f"{who} {seconds:.0f} s" for who, seconds in tally.work.items()) + " of a core",
        "took": f"{took:.0f} s, where {flags.seconds:g} s are due without a fault",
    }
    for what, value in rows.items():
        print(f"{what:<31}{value}")
    for told_, number in tally.refused.most_common(5):
        print(f"{'refused':<31}{number:,} times: {told_}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, seed {flags.seed}")


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Lesson 11 under load, while it goes wrong around it.")
    for flag, default, meaning in (
        ("--sessions", 20, "sessions at the same time"),
        ("--workers", 3, "processes of the server, on Redis"),
        ("--rate", 5.0, "messages a second in each session"),
        ("--seconds", 150.0, "how long a build is due to take"),
        ("--most", 100, "faults"),
        ("--pause", 5.0, "seconds between two faults, on average"),
        ("--neighbour", 200, "builds that a session beside them begins, or as many as it may"),
        ("--deaf", 2, "readers that do not read"),
        ("--seed", 11, "of all that is random in it"),
    ):
        parser.add_argument(
            flag, type=type(default), default=default, help=f"{meaning} (default: {default:g})"
        )
    parser.add_argument("--storage", choices=KINDS, default="redis")
    parser.add_argument(
        "--faults", help="some of: " + ", ".join(f"{', '.join(KINDS[kind])} ({kind})" for kind in KINDS)
    )
    flags = parser.parse_args()
    kinds = KINDS[flags.storage]
    flags.faults = flags.faults.split(",") if flags.faults else [kind for kind in kinds if kind != "older"]
    if strange := set(flags.faults) - set(kinds):
        parser.error(
            f"on {flags.storage} there are the faults {', '.join(kinds)}; not {', '.join(sorted(strange))}"
        )
    if {"redis", "older"} <= set(flags.faults):
        parser.error(
            "a Redis either keeps what it has acknowledged, or comes back older: not both in one run"
        )
    return flags


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(parse_flags())))
    except KeyboardInterrupt:
        sys.exit(130)
