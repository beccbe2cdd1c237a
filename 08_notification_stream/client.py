"""The SDK's own client, several at once: their connections are cut, the SDK resumes, and nothing is lost.

caller  a client with a session of its own, and a call in it
live    sent while somebody was connected
missed  sent while nobody was, and replayed
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import logging
import os
import re
import sys
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx2
from mcp import MCPError
from mcp.client import Client
from mcp.types import LoggingMessageNotificationParams, TextContent

from client_side.board import Board
from client_side.proof import Data, Proof
from plumbing.switch import Switch, switch

NAMES = ("ada", "bob", "cyd", "dot", "eva", "fay", "gus", "hal")
TOOL = "start-notification-stream"


class Caller:
    def __init__(self, place: int, flags: argparse.Namespace, board: Board) -> None:
        self.flags, self.place = flags, place
        self.proof = Proof(NAMES[place], flags.count, flags.cuts)
        self.board = board
        self.began = 0.0
        self.switch: Switch | None = None
        self.news = asyncio.Condition()
        self.patience = asyncio.timeout(flags.patience)  # begins anew with whatever comes

    def tell(self, word: str, text: str) -> None:
        self.board.say(self.proof.caller, word, text)

    async def run(self) -> None:
        """One call from start to end; what is wrong is the proof's to say."""
        try:
            async with (
                self.patience,
                switch(self.flags.url, self.tell) as (self.switch, url),
                # Without the mode it would ask for 2026-07-28 first, in which nothing can be resumed.
                Client(url, mode=self.flags.mode, logging_callback=self.saw) as client,
            ):
                self.tell("session", f"opened with MCP {client.protocol_version}")
                await self.call(client, self.switch)
        except TimeoutError:
            self.tell("silence", f"for {self.flags.patience:g} s")
        except BaseExceptionGroup as group:  # of the tasks in which the SDK reads, and ours
            expected, others = group.split((MCPError, OSError, httpx2.TransportError))
            if others or not expected:
                raise
            self.tell("lost", f"the answer ({first_of(expected)})")
        self.board.show()

    async def call(self, client: Client, own: Switch) -> None:
        arguments = {"interval": self.flags.interval, "count": self.flags.count, "caller": self.proof.caller}
        self.began = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            cutting = tasks.create_task(self.cut_now_and_then(own))
            result = await client.call_tool(TOOL, arguments)
            text = "".join(part.text for part in result.content if isinstance(part, TextContent))
            if result.is_error:
                self.tell("refused", text)
                cutting.cancel()
                return
            self.proof.answer = text
            async with self.news:
                await self.news.wait_for(lambda: self.proof.is_over)
        self.tell("answer", text)

    async def saw(self, params: LoggingMessageNotificationParams) -> None:
        """A notification: which stream brought it, it says itself."""
        data = Data.model_validate(params.data)
        sent = self.began + data.elapsed
        missed = self.switch is not None and self.switch.was_cut(sent)
        async with self.news:
            self.proof.saw(data, missed=missed)
            self.news.notify_all()
        self.be_patient()

    async def cut_now_and_then(self, own: Switch) -> None:
        for cut in range(1, self.flags.cuts + 1):
            number = self.flags.count * cut // (self.flags.cuts + 1) + self.place
            with suppress(TimeoutError):  # with --json-response nothing comes, and it is cut all the same
                async with asyncio.timeout(number * self.flags.interval + 0.1), self.news:
                    await self.news.wait_for(lambda number=number: number in self.proof.numbers)
            # The SDK's client gives up its standing stream after two cuts: it is cut but once.
            last = cut == self.flags.cuts
            own.cut(standing=last)
            self.proof.severed += 1
            self.tell("severed", f"after {number}{', and the standing stream, too' if last else ''}")
            self.be_patient()

    def be_patient(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self.patience.expired():
            self.patience.reschedule(now + self.flags.patience)
        if self.switch:
            self.proof.resumed = len(self.switch.resumed)
        self.board.show()


def first_of(group: BaseExceptionGroup[MCPError | OSError | httpx2.TransportError]) -> str:
    error = group.exceptions[0]
    return first_of(error) if isinstance(error, BaseExceptionGroup) else str(error) or type(error).__name__


async def main(flags: argparse.Namespace) -> int:
    # The SDK logs tracebacks for what Ctrl-C interrupts; what a cut does to a call, the proof says.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"  # no proxy leads to our own switch on loopback
    board = Board()
    callers = [Caller(place, flags, board) for place in range(flags.callers)]
    board.proofs = [caller.proof for caller in callers]
    url: str = flags.url
    there = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(there.hostname, there.port or 80)
        writer.close()
    except OSError as error:
        why = f"{flags.url} cannot be reached ({error.strerror or error})"
        board.say("", "failed", f"{why}: start the server with `uv run server.py`")
        return 1
    with board.watched():
        async with asyncio.TaskGroup() as tasks:
            for caller in callers:
                tasks.create_task(caller.run())
    wrong = [f"{proof.caller}: {proof.verdict}" for proof in board.proofs if proof.verdict]
    for line in wrong:
        board.say("", "failed", line)
    if wrong:
        return 1
    missed = sum(proof.missed for proof in board.proofs)
    text = f"{flags.callers} callers have {flags.count} each, and the one on the standing stream"
    board.say("", "proven", f"{text}, once and in order; {missed} were sent while nobody was connected")
    return 0


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Cuts the SDK's own connections, and proves that all came.")
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:3000/mcp", help="(default: %(default)s)")
    add("--mode", choices=("legacy", "auto"), default="legacy", help="how to ask for a version of MCP")
    for flag, default, meaning in (
        ("--callers", 3, f"clients at the same time, up to {len(NAMES)}"),
        ("--count", 20, "notifications for each"),
        ("--interval", 0.1, "seconds between two notifications"),
        ("--cuts", 1, "times that each one's connections are cut"),
        ("--patience", 5.0, "seconds of silence after which it gives up"),
    ):
        add(flag, type=type(default), default=default, help=f"{meaning} (default: {default:g})")
    flags = parser.parse_args()
    if not 1 <= flags.callers <= len(NAMES):
        parser.error(f"--callers is 1 to {len(NAMES)}")
    if flags.cuts < 0 or flags.count < 1 or flags.interval < 0 or flags.patience <= 0:
        parser.error("nothing of this is negative, and one notification is the least")
    if flags.cuts and flags.count * flags.cuts // (flags.cuts + 1) + flags.callers > flags.count:
        parser.error("--count is too small for so many --cuts and --callers")
    url: str = flags.url
    try:
        is_one = re.match("http://[^/]", url) and urlsplit(url).port != 0
    except ValueError:  # its port is none
        is_one = False
    if not is_one:
        parser.error(f"{flags.url} is not a URL such as http://127.0.0.1:3000/mcp")
    return flags


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx2>=2.16,<3",
#   "mcp>=2.3,<3",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
