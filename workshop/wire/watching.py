"""Where a stage tells what its programs do, and where their calls are led through a recording proxy.

A program is told of on a connection of its own, a JSON object a line; `plumbing/stage.py` speaks there.
"""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from workshop.wire.conversation import Conversation, Seen
from workshop.wire.proxy import Proxy
from workshop.wire.record import Record

URL = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})(/\S*)?")
LISTENING = re.compile(r"listening on http://\S+?:(\d+)")
KILLED = re.compile(r"^killed +(\w+) (\d+)(.*)")
LISTENERS = ("server.py", "network.py")  # their URLs are not to be called
LONGEST_LINE = 1_000_000


class Start(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    starts: str
    arguments: list[str]


class News(BaseModel):
    says: str | None = None
    ends: int | None = None


class Program:
    def __init__(self, number: int, whose: str) -> None:
        self.number, self.whose = number, whose
        self.newest = ""  # line, of those that may be the last word


class Watching:
    """The programs of one run, and the proxies that their calls go through."""

    def __init__(self, record: Record, run: int, verdict: str = "") -> None:
        """The verdict is what a program's last word must fit."""
        self._record, self._run, self._verdict = record, run, verdict
        self._key = secrets.token_hex(16)
        self._seen = Seen()
        self._programs = 0
        self._proxies: dict[tuple[str, int], list[tuple[Proxy, list[Program]]]] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self.address = ""

    @asynccontextmanager
    async def on(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=LONGEST_LINE)
        self.address = f"{server.sockets[0].getsockname()[1]} {self._key}"
        try:
            yield
        finally:
            server.close()
            await asyncio.gather(*self._hearing)  # what has been told is heard
            for proxies in self._proxies.values():
                for proxy, _ in proxies:
                    proxy.close()

    def tell(self, kind: str, **told: JsonValue) -> int:
        return self._record.add(self._run, kind, **told)

    async def _accept(self, lines: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        hearing = asyncio.ensure_future(self._hear(lines, answer))
        self._hearing.add(hearing)
        hearing.add_done_callback(self._hearing.discard)
        await hearing

    async def _hear(self, lines: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        program: Program | None = None
        held: list[list[Program]] = []
        code = None
        try:
            start = Start.model_validate_json(await lines.readline())
            if not secrets.compare_digest(start.key.encode(), self._key.encode()):
                return
            program = self._start(start)
            answer.write(json.dumps(await self._led(program, start.arguments, held)).encode() + b"\n")
            async for line in lines:
                news = News.model_validate_json(line)
                if news.says is not None:
                    self._said(program, news.says)
                code = news.ends if news.says is None else code
        except (ValidationError, ValueError, ConnectionError):
            pass  # not a stage, or one that was ended; what it has told is told
        finally:
            answer.close()
            for holders in held:
                holders.clear()
            if program and program.number:
                self.tell("gone", p=program.number, code=code, text=program.newest)

    def _start(self, start: Start) -> Program:
        if not start.starts:  # a show, which has programs of its own
            return Program(0, "")
        self._programs += 1
        program = Program(self._programs, start.starts)
        is_listener = start.arguments[:1] and start.arguments[0] in LISTENERS
        side = "server" if is_listener else "client"
        self.tell("program", p=program.number, whose=start.starts, side=side, arguments=[*start.arguments])
        return program

    def _said(self, program: Program, line: str) -> None:
        if not program.number:
            if line.startswith("show "):
                self.tell("act", text=line.removeprefix("show").strip(" -"))
            return
        if line and re.search(self._verdict, line):
            program.newest = line
        if found := LISTENING.search(line):
            self.tell("listens", p=program.number, port=int(found[1]))
        self.tell("said", p=program.number, text=line)
        if found := KILLED.match(line):
            self.tell("killed", p=program.number, what=found[1], pid=found[2], text=line)

    async def _led(self, program: Program, arguments: list[str], held: list[list[Program]]) -> list[str]:
        """The arguments, with each URL of a server here replaced by that of a proxy which leads to it."""
        if not program.number or arguments[0] in LISTENERS:
            return arguments
        led: list[str] = []
        for argument in arguments:
            found = URL.fullmatch(argument)
            if not found:
                led.append(argument)
                continue
            proxy, holders = await self._proxy_to(found[1].strip("[]"), int(found[2]))
            holders.append(program)
            held.append(holders)
            led.append(f"http://127.0.0.1:{proxy.port}{found[3] or ''}")
        return led

    async def _proxy_to(self, host: str, port: int) -> tuple[Proxy, list[Program]]:
        """The same for one program after the other, so that an address which one has kept stays good."""
        there = self._proxies.setdefault((host, port), [])
        for proxy, holders in there:
            if not holders:
                return proxy, holders
        programs: list[Program] = []

        def begin() -> Conversation:
            whose = programs[-1].number if programs else 0
            return Conversation(self._record, self._run, self._seen, p=whose, to=port)

        def refused() -> None:
            self.tell("refused", p=programs[-1].number if programs else 0, to=port)

        proxy = Proxy(host, port, begin, refused)
        await proxy.listen()
        there.append((proxy, programs))
        return proxy, programs
