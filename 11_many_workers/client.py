"""Kills the server in the middle of a build, resumes with another worker, and proves that nothing was lost.

worker  a process of the server: `X-Worker` says which one answers, `by` in a message which one did the step
cursor  the id of the last event that came, which `Last-Event-ID` carries back
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import os
import signal
import sys
import time
from urllib.parse import urlsplit

import httpx
from httpx_sse import SSEError, aconnect_sse
from pydantic import JsonValue

from proving.proof import Message, Proof, say
from proving.refused import RefusedError, check

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has one way to end a process, and it is this


MOST_REFUSALS = 3  # without a message between them: nobody loops


class Client:
    def __init__(self, http: httpx.AsyncClient, flags: argparse.Namespace, proof: Proof) -> None:
        self.http, self.flags, self.proof = http, flags, proof
        self.patience = asyncio.timeout(flags.patience)  # begins anew with whatever comes
        self.session: dict[str, str] = {}  # the headers that name it
        self.cursor: str | None = None
        self.call_id = 2
        self.retry = 1.0  # seconds until the next connection; `retry:` says how many
        self.refusals = 0  # since the last message
        self.at_once = False  # whether it need not wait, since no connection was lost

    async def run(self) -> None:
        """Call, and listen until the answer is there, on as many connections as that takes."""
        async with self.patience:
            await self.initialize()
            while True:
                await self.listen()
                if self.proof.is_over():
                    break
                await self.rest()
        await self.http.delete(self.flags.url, headers=self.session)

    async def rest(self) -> None:
        """Wait as long as the server asks; after the kill as long as we want to be away, or must be."""
        if self.at_once:
            self.at_once = False
            return
        away = 2 * self.flags.interval if self.proof.must_miss() else 0.0
        away = self.flags.away if len(self.proof.holders) == 1 else away
        await asyncio.sleep(max(self.retry, away))

    async def listen(self) -> None:
        try:
            if not self.session:
                await self.initialize()
            await self.read_one_connection()
        except httpx.TransportError as error:
            say("lost", f"the connection ({type(error).__name__})")
        except RefusedError as refused:
            if refused.status == 503:
                say("waiting", str(refused))  # the storage's trouble is not ours to solve
            else:
                self.start_afresh(refused)
        if self.proof.lost_at is None:
            self.proof.lost_at = time.time()

    def start_afresh(self, refused: RefusedError) -> None:
        """What cannot be resumed is not asked for again (law 7)."""
        self.refusals += 1
        again = self.proof.afresh and not refused.cursor
        if again or self.refusals > MOST_REFUSALS or refused.status not in (400, 404, 410):
            raise refused
        say("refused", str(refused))
        self.proof.afresh, self.cursor = True, refused.cursor
        if refused.cursor:
            self.at_once = True
            say("afresh", f"from {refused.cursor} on; what came before it stays lost")
            return
        self.proof.numbers = []
        if refused.status == 404:
            self.session = {}
            say("afresh", "a new session, and the build once more")
        elif refused.status == 410:
            self.call_id += 1
            say("afresh", "the build once more: nothing is left of its messages")
        else:
            say("afresh", "the same call once more: its messages from the first one on")

    async def read_one_connection(self) -> None:
        """The call's POST, or, once it has brought an id, a GET that goes on after the newest one."""
        headers = {"accept": "application/json, text/event-stream"} | self.session
        body: JsonValue = None
        if self.cursor:
            method, headers["last-event-id"] = "GET", self.cursor
            say("GET", f"Last-Event-ID: {self.cursor}")
        else:
            method, body = "POST", self.call()
            say("POST", f"tools/call build_project, {self.flags.steps} steps")
        async with aconnect_sse(self.http, method, self.flags.url, headers=headers, json=body) as source:
            await check(source.response)
            kind = source.response.headers.get("content-type", "")
            if "json" in kind:
                refused = Message.model_validate_json(await source.response.aread()).result
                raise RefusedError(200, refused.content[0].text if refused else "no result")
            if "event-stream" not in kind:
                raise RefusedError(source.response.status_code, f"this is no stream, but {kind}")
            self.proof.back_at = time.time()
            self.proof.holders.append(int(source.response.headers["x-worker"]))
            say("stream", f"held by worker {self.proof.holders[-1]}")
            self.be_patient()
            async for event in source.aiter_sse():
                if event.retry is not None:
                    self.retry = event.retry / 1000
                if event.data and event.event == "message":  # a priming event has no data
                    self.proof.saw(Message.model_validate_json(event.data))
                    self.refusals = 0
                    self.be_patient()
                    if self.proof.is_over():
                        return  # whether the stream ends or not
                self.cursor = event.id or self.cursor
                if self.proof.must_miss() and self.proof.newest_at >= self.proof.back_at:
                    say("away", "once more: nothing was sent yet while nobody was connected")
                    self.proof.lost_at = None
                    return
                if self.proof.killed_at is None and self.proof.newest >= self.flags.kill_after:
                    self.kill()
        if not self.proof.is_over():
            raise httpx.ReadError("the stream ended")

    def kill(self) -> None:
        """End processes as a machine that loses power does: they can say nothing more."""
        victims: dict[int, str] = {}
        if self.flags.kill in ("web", "both"):
            victims[self.proof.holders[-1]] = "which held the stream"
        if self.flags.kill in ("work", "both"):
            pid = self.proof.last_worker
            victims[pid] = f"{victims[pid]} and did the work" if pid in victims else "which did the work"
        if self.flags.kill == "redis":
            victims[self.flags.redis_pid] = "which keeps everything"
        self.proof.killed = victims
        self.proof.killed_at = time.time()
        for pid, why in victims.items():
            if pid <= 1 or pid == os.getpid():
                raise RefusedError(200, f"process {pid} is none of the server's")
            os.kill(pid, SIGKILL)
            say("killed", f"{'Redis' if self.flags.kill == 'redis' else 'worker'} {pid}, {why}")

    async def initialize(self) -> None:
        params: JsonValue = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "client.py", "version": "1.0.0"},
        }
        response = await self.post({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
        protocol = response.json()["result"]["protocolVersion"]
        self.session = {
            "mcp-session-id": response.headers["mcp-session-id"],
            "mcp-protocol-version": protocol,
        }
        await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        say("session", f"opened with MCP {protocol} by worker {response.headers['x-worker']}")

    def call(self) -> JsonValue:
        """Sent again, it has the same id, and begins nothing again."""
        arguments: JsonValue = {"steps": self.flags.steps, "interval": self.flags.interval}
        params: JsonValue = {"name": "build_project", "arguments": arguments}
        return {"jsonrpc": "2.0", "id": self.call_id, "method": "tools/call", "params": params}

    async def post(self, message: JsonValue) -> httpx.Response:
        headers = {"accept": "application/json, text/event-stream"} | self.session
        response = await self.http.post(self.flags.url, json=message, headers=headers)
        await check(response)
        return response

    def be_patient(self) -> None:
        now = asyncio.get_running_loop().time()
        self.patience.reschedule(now + self.flags.interval + self.flags.patience + self.flags.away)


async def main(flags: argparse.Namespace) -> int:
    proof = Proof(flags.steps, flags.kill)
    try:
        async with httpx.AsyncClient(
            timeout=httpx.Timeout(flags.patience, read=None), trust_env=False
        ) as http:
            await Client(http, flags, proof).run()
        wrong = proof.verdict()
    except TimeoutError:
        say("silence", f"for {flags.patience:g} s: the server is gone, or the build stands")
        wrong = proof.verdict()
    except httpx.TransportError as error:
        wrong = f"{flags.url} cannot be reached ({error}): start the server with `uv run server.py`"
    except RefusedError as refused:
        wrong = str(refused)
    except PermissionError:
        wrong = "a process could not be killed: it is not yours"
    except ProcessLookupError:
        wrong = "a process that was to be killed is not on this machine"
    except (ValueError, KeyError, SSEError):
        wrong = f"{flags.url} does not answer as this lesson's server does"
    if wrong:
        say("failed", wrong)
        return 1
    whole = f"{proof.steps} of {proof.steps} steps came, once and in order, and the answer"
    say("proven", f"{whole}; {len(proof.missed)} of them sent to nobody")
    return 0


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kills a server's worker, resumes, and proves the whole.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8000/mcp", help="(default: %(default)s)")
    add(
        "--kill",
        choices=["web", "work", "both", "redis", "none"],
        default="both",
        help="the worker that holds the stream, the one that does the work, ... (default: %(default)s)",
    )
    add("--redis-pid", type=int, metavar="PID", help="for --kill redis: the process, which you start again")
    for flag, default, meaning in (
        ("--steps", 16, "steps of the build"),
        ("--interval", 0.3, "seconds of work for a step"),
        ("--kill-after", 3, "steps after which the kill comes"),
        ("--away", 3.0, "seconds until the client reconnects"),
        ("--patience", 15.0, "seconds of silence after which it gives up"),
    ):
        add(flag, type=type(default), default=default, help=f"{meaning} (default: {default:g})")
    flags = parser.parse_args()
    if not 0 < flags.kill_after < flags.steps:
        parser.error("--kill-after must be above 0 and below --steps, or nothing is left to be missed")
    if min(flags.interval, flags.away) < 0 or flags.patience <= 0:
        parser.error("seconds are not negative")
    if flags.kill != "none" and urlsplit(str(flags.url)).hostname not in LOOPBACK:
        parser.error("only processes of this machine can be killed: --kill none for a server elsewhere")
    if (flags.kill == "redis") != (flags.redis_pid is not None):
        parser.error(
            "--kill redis needs --redis-pid, so that it is surely yours (`uv run workshop 11` has its own)"
        )
    return flags


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "pydocket>=0.27,<0.28",
#   "redis[hiredis]>=8,<9",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
