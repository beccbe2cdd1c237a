"""Loses the connection in the middle of a burst, resumes, and proves that nothing was lost.

cursor  the id of the last event that came, which `Last-Event-ID` carries back
"""

from plumbing.ctrl_c import run

import argparse
import asyncio
import socket
import sys
import time

import httpx
from httpx_sse import SSEError, aconnect_sse
from pydantic import BaseModel, JsonValue, ValidationError

from plumbing.say import say
from proof import Notification, Proof

MOST_REFUSALS = 3  # without a message between them: nobody loops


class Left(BaseModel):
    """What a 410 offers."""

    cursor: str | None = None


class ErrorData(BaseModel):
    message: str
    data: Left | None = None


class ErrorMessage(BaseModel):
    error: ErrorData


class RefusedError(Exception):
    """The server answered 4xx."""

    def __init__(self, status: int, text: str, cursor: str | None = None) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.cursor = status, cursor


class Client:
    def __init__(self, http: httpx.AsyncClient, flags: argparse.Namespace, proof: Proof) -> None:
        self.http, self.flags, self.proof = http, flags, proof
        self.patience = asyncio.timeout(flags.patience)  # begins anew with whatever comes
        self.session: dict[str, str] = {}  # the headers that name it
        self.cursor: str | None = None
        self.retry = 1.0  # seconds until the next connection; `retry:` says how many
        self.away = 0.0
        self.refusals = 0  # since the last message
        self.at_once = False  # whether it need not wait, since no connection was lost
        self.began: float | None = None

    async def run(self) -> None:
        """Listen until the burst is over, on as many connections as that takes."""
        async with self.patience:
            await self.listen()
            while not self.proof.is_over():
                await self.rest()
                await self.listen()
        await self.http.delete(self.flags.url, headers=self.session)

    async def rest(self) -> None:
        """Wait as long as the server asks, and once as long as we have chosen to be away."""
        if self.at_once:
            self.at_once = False
            return
        if self.away > self.retry:
            self.be_patient(self.away)
        await asyncio.sleep(max(self.retry, self.away))
        self.away = 0.0

    async def listen(self) -> None:
        try:
            if not self.session:
                await self.initialize()
            await self.read_one_connection()
        except httpx.TransportError as error:
            if not self.session:
                raise  # there is nothing to resume
            say("lost", f"the connection ({type(error).__name__})")
        except RefusedError as refused:
            self.refusals += 1
            again = self.proof.afresh and not refused.cursor
            if again or self.refusals > MOST_REFUSALS or refused.status not in (400, 404, 410):
                raise
            self.start_afresh(refused)

    async def read_one_connection(self) -> None:
        headers = dict(self.session)
        if self.cursor and not self.flags.no_resume:
            headers["last-event-id"] = self.cursor
        say("GET", f"Last-Event-ID: {headers.get('last-event-id', '(none: a new stream)')}")
        async with aconnect_sse(self.http, "GET", self.flags.url, headers=headers) as source:
            await check(source.response)
            self.be_patient()
            if self.began is None:
                await self.call()
            self.proof.back = self.elapsed()
            async for event in source.aiter_sse():
                if event.retry is not None:
                    self.retry = event.retry / 1000
                if event.data:  # a priming event has none
                    data = Notification.model_validate_json(event.data).params.data
                    self.proof.saw(data.number, data.elapsed)
                    self.refusals = 0
                    self.be_patient()
                self.cursor = event.id or self.cursor
                if self.proof.is_over():
                    break
                if self.proof.severed is None and len(self.proof.numbers) >= self.flags.drop_after:
                    self.sever(source.response)

    def sever(self, response: httpx.Response) -> None:
        """Shut the socket under the response, which finds out when it reads on."""
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self.proof.severed = self.elapsed()
        self.away = max(self.retry, self.flags.away)
        say("severed", f"the socket; away for {self.away:g} s")

    def start_afresh(self, refused: RefusedError) -> None:
        """What cannot be resumed is not asked for again."""
        say("refused", str(refused))
        self.proof.afresh, self.cursor = True, refused.cursor
        if refused.status == 404:
            self.session, self.began, self.proof.numbers = {}, None, []
            say("afresh", "a new session, and the burst once more")
        elif refused.cursor:
            self.at_once = True
            say("afresh", f"from {refused.cursor} on; what came before it stays lost")
        else:
            say("afresh", "a new stream, from now on; what was missed stays lost")

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
        say("session", f"opened with MCP {protocol}")

    async def call(self) -> None:
        arguments: JsonValue = {"count": self.flags.count, "interval": self.flags.interval}
        params: JsonValue = {"name": "send_burst", "arguments": arguments}
        response = await self.post({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
        self.began = time.perf_counter()
        answer = response.json()["result"]
        if answer["isError"]:
            raise RefusedError(response.status_code, answer["content"][0]["text"])
        say("answer", answer["content"][0]["text"])

    async def post(self, message: JsonValue) -> httpx.Response:
        headers = {"accept": "application/json, text/event-stream"} | self.session
        response = await self.http.post(self.flags.url, json=message, headers=headers)
        await check(response)
        return response

    def elapsed(self) -> float:
        return time.perf_counter() - (self.began or 0.0)

    def be_patient(self, longer: float = 0.0) -> None:
        now = asyncio.get_running_loop().time()
        self.patience.reschedule(now + self.flags.interval + self.flags.patience + longer)


async def check(response: httpx.Response) -> None:
    if response.is_error:
        body = await response.aread()
        try:
            error = ErrorMessage.model_validate_json(body).error
        except ValidationError:
            raise RefusedError(response.status_code, "no reason given") from None
        raise RefusedError(response.status_code, error.message, error.data.cursor if error.data else None)


async def main(flags: argparse.Namespace) -> int:
    proof = Proof(flags.count)
    try:
        async with httpx.AsyncClient(timeout=httpx.Timeout(flags.patience, read=None)) as http:
            await Client(http, flags, proof).run()
        wrong = proof.verdict()
    except TimeoutError:
        say("silence", f"for {flags.patience:g} s: the burst is over, or the server gone")
        wrong = proof.verdict()
    except httpx.TransportError as error:
        wrong = f"{flags.url} cannot be reached ({error}): start the server with `uv run server.py`"
    except RefusedError as refused:
        wrong = str(refused)
    except (ValueError, KeyError, SSEError):
        wrong = f"{flags.url} does not answer as this lesson's server does"
    if wrong:
        say("failed", wrong)
        return 1
    missed = f"{len(proof.missed)} of them sent while nobody was connected"
    say("proven", f"{proof.count} of {proof.count} came, each once and in order; {missed}")
    return 0


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Loses a connection, resumes, and proves that nothing was lost."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000/mcp", help="(default: %(default)s)")
    parser.add_argument(
        "--no-resume", action="store_true", help="reconnect without Last-Event-ID: see what is lost"
    )
    for flag, default, meaning in (
        ("--count", 10, "messages in the burst"),
        ("--interval", 0.2, "seconds between two messages"),
        ("--drop-after", 3, "messages after which the socket is severed"),
        ("--away", 1.0, "seconds until the client reconnects"),
        ("--patience", 5.0, "seconds of silence after which it gives up"),
    ):
        parser.add_argument(
            flag, type=type(default), default=default, help=f"{meaning} (default: {default:g})"
        )
    flags = parser.parse_args()
    if not 0 < flags.drop_after < flags.count:
        parser.error("--drop-after must be above 0 and below --count, or nothing is left to be missed")
    if min(flags.interval, flags.away) < 0 or flags.patience <= 0:
        parser.error("seconds are not negative")
    return flags


if __name__ == "__main__":
    sys.exit(run(main(parse_flags())))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx-sse>=0.4.3,<1",
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
