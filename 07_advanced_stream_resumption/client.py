"""Loses the connection in the middle of a burst, resumes, and proves that nothing was lost.

live      sent while the connection that brought it stood
replayed  sent before the connection that brought it stood
elapsed   seconds since the burst began; each message carries the server's, the cut is timed by ours
"""

import argparse
import asyncio
import socket
import sys
import time
from dataclasses import dataclass, field

import httpx
from httpx_sse import SSEError, aconnect_sse
from pydantic import BaseModel, JsonValue
from rich.console import Console

STYLES = {"live": "green", "replayed": "bold yellow", "proven": "bold green"}
TROUBLE = ("severed", "lost", "refused", "failed")
console = Console(highlight=False, soft_wrap=True)


def say(word: str, text: str) -> None:
    """One line, and by colour and by word what it is about."""
    console.print(f"{word:<10}", style=STYLES.get(word, "bold red" if word in TROUBLE else "cyan"), end="")
    console.print(text, markup=False)


class Data(BaseModel):
    number: int
    elapsed: float


class Params(BaseModel):
    data: Data


class Notification(BaseModel):
    params: Params


class RefusedError(Exception):
    """The server answered 4xx."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass
class Proof:
    """What came, held against what an uncut run would bring."""

    count: int
    numbers: list[int] = field(default_factory=list[int])
    missed: list[int] = field(default_factory=list[int])
    severed: float | None = None  # elapsed, when the socket was severed
    back: float = 0.0  # elapsed, when the connection stood again

    def saw(self, number: int, elapsed: float) -> None:
        self.numbers.append(number)
        live = self.severed is None or elapsed >= self.back
        alone = self.severed is not None and self.severed < elapsed < self.back
        if alone:
            self.missed.append(number)
        note = ", sent while nobody was connected" if alone else ""
        say("live" if live else "replayed", f"{number} of {self.count}{note}")

    def is_over(self) -> bool:
        return self.count in self.numbers

    def verdict(self) -> str | None:
        """What is wrong with it, or None."""
        whole = range(1, self.count + 1)
        if lost := [n for n in whole if n not in self.numbers]:
            return f"lost {len(lost)}: {', '.join(map(str, lost[:10]))}{', ...' if len(lost) > 10 else ''}"
        if len(self.numbers) > self.count:
            return f"doubled {sorted({n for n in self.numbers if self.numbers.count(n) > 1})[:10]}"
        if self.numbers != list(whole):
            return f"moved {[n for n, m in zip(self.numbers, whole, strict=True) if n != m][:10]}"
        if not self.missed:
            return "nothing was sent while nobody was connected: raise --away or --count"
        return None


class Client:
    def __init__(self, http: httpx.AsyncClient, flags: argparse.Namespace, proof: Proof) -> None:
        self.http, self.flags, self.proof = http, flags, proof
        self.patience = asyncio.timeout(flags.patience)  # begins anew with whatever comes
        self.session: dict[str, str] = {}  # the headers that name it
        self.cursor: str | None = None
        self.retry = 1.0  # seconds until the next connection; `retry:` says how many
        self.away = 0.0
        self.began: float | None = None
        self.afresh = False

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
            if self.afresh or refused.status not in (400, 404, 410):
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
        self.afresh, self.cursor = True, None
        if refused.status == 404:
            self.session, self.began, self.proof.numbers = {}, None, []
            say("afresh", "a new session, and the burst once more")
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
        say("answer", response.json()["result"]["content"][0]["text"])

    async def post(self, message: JsonValue) -> httpx.Response:
        headers = {"accept": "application/json, text/event-stream"} | self.session
        response = await self.http.post(self.flags.url, json=message, headers=headers)
        await check(response)
        return response

    def elapsed(self) -> float:
        return time.perf_counter() - (self.began or 0.0)

    def be_patient(self, longer: float = 0.0) -> None:
        now = asyncio.get_running_loop().time()
        self.patience.reschedule(now + self.flags.patience + longer)


async def check(response: httpx.Response) -> None:
    if response.is_error:
        await response.aread()
        raise RefusedError(response.status_code, response.text)


async def main(flags: argparse.Namespace) -> int:
    proof = Proof(flags.count)
    try:
        async with httpx.AsyncClient(timeout=httpx.Timeout(flags.patience, read=None)) as http:
            await Client(http, flags, proof).run()
    except TimeoutError:
        say("silence", f"nothing has come for {flags.patience:g} s: the burst is over, or the server gone")
    except httpx.TransportError as error:
        say("failed", f"{flags.url} cannot be reached ({error}). Start the server: uv run server.py")
        return 1
    except RefusedError as refused:
        say("failed", str(refused))
        return 1
    except (ValueError, KeyError, SSEError) as error:
        say("failed", f"{flags.url} does not answer like the server of this lesson ({error!r})")
        return 1
    if wrong := proof.verdict():
        say("failed", wrong)
        return 1
    say(
        "proven",
        f"{proof.count} of {proof.count}, each once and in order; {len(proof.missed)} of them missed and had",
    )
    return 0


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Loses a connection, resumes, and proves that nothing was lost."
    )
    parser.add_argument("--url", default="http://127.0.0.1:8000/mcp", help="default: %(default)s")
    parser.add_argument("--count", type=int, default=10, help="messages in the burst (default: %(default)s)")
    parser.add_argument(
        "--interval", type=float, default=0.2, help="seconds between them (default: %(default)s)"
    )
    parser.add_argument(
        "--drop-after", type=int, default=3, help="sever the socket after so many (default: %(default)s)"
    )
    parser.add_argument(
        "--away", type=float, default=1.0, help="seconds until it reconnects (default: %(default)s)"
    )
    parser.add_argument(
        "--patience", type=float, default=5.0, help="give up after so many seconds of silence"
    )
    parser.add_argument(
        "--no-resume", action="store_true", help="reconnect without Last-Event-ID, and see what is lost"
    )
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(parse_flags())))
    except KeyboardInterrupt:
        sys.exit(130)
