"""What any server answers, of either era; and what each request owes it, whatever a case is about.

handshake  2025-03-26 to 2025-11-25: initialize, a session, a standing GET
modern     2026-07-28: server/discover, and each POST complete in itself
"""

import json
import secrets
from typing import TYPE_CHECKING

from pydantic import JsonValue

from judging.streams import Stream
from judging.verdicts import BrokenError, Verdict
from judging.wire import Asked

if TYPE_CHECKING:
    from judging.play import Play

HANDSHAKES = ("2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
SCHEMA: JsonValue = {"type": "object", "properties": {}}
TOOL: JsonValue = {"name": "count", "description": "Counts, and says so.", "inputSchema": SCHEMA}
INFO: JsonValue = {"name": "judge", "version": "1.0.0"}
CAPABILITIES: JsonValue = {"tools": {}, "logging": {}}
AT_ONCE = 10.0  # seconds after a cut; later it may be a caller who has waited long enough
NO_METHOD, BAD_VERSION = -32601, -32022


class Manners:
    def __init__(self, play: "Play") -> None:
        self.play = play
        self.session = ""
        self.protocol = ""
        self.ended_at: float | None = None  # when the session was ended
        self.standings: list[Stream] = []  # a client may open one after another
        self.why_not = ""  # it cannot be asked
        self.pongs: list[Asked] = []  # answers to what we have asked
        self.initialized: list[Asked] = []  # requests for a session

    @property
    def standing(self) -> Stream | None:
        return self.standings[-1] if self.standings else None

    async def answered(self, asked: Asked, *, strict: bool = True) -> bool:
        """Whether it was routine; `strict` raises what is wrong with it."""
        if asked.path.partition("?")[0] != "/mcp":
            await asked.answer(404, b"not here", "text/plain")
            return True
        if self.play.era == MODERN:
            return await self.modern(asked)
        if strict:
            self.check(asked)
        if asked.method == "DELETE":
            await asked.answer(200, b"")
        elif asked.method == "GET":
            if asked.last_event_id is not None:
                return False
            await self.stand(asked)
        elif asked.method != "POST" or asked.message is None:
            await asked.answer(400, b"not understood", "text/plain")
        else:
            return await self.posted(asked, strict=strict)
        return True

    async def posted(self, asked: Asked, *, strict: bool) -> bool:
        message = asked.message
        if message is None or message.method == "tools/call":
            return False
        if not message.method:
            self.pongs.append(asked)
            await asked.answer(202, b"")
        elif message.id is None:
            await asked.answer(202, b"")
            if message.method == "notifications/cancelled" and strict:
                self.check_cancel()
        elif message.method == "server/discover":
            await self.fail(asked, 400, NO_METHOD, "This server wants a handshake.")
        elif message.method == "initialize":
            await self.initialize(asked)
        else:
            lists: dict[str, JsonValue] = {
                "tools/list": {"tools": [TOOL]},
                "ping": {},
                "logging/setLevel": {},
            }
            if message.method in lists:
                await self.tell(asked, lists[message.method])
            else:
                await self.fail(asked, 200, NO_METHOD, f"There is no {message.method} here.")
        return True

    async def tell(self, asked: Asked, result: JsonValue, **more: str) -> None:
        told = {"jsonrpc": "2.0", "id": asked.message.id if asked.message else None, "result": result}
        await asked.answer(200, json.dumps(told).encode(), **more)

    async def fail(self, asked: Asked, status: int, code: int, text: str, data: JsonValue = None) -> None:
        error: dict[str, JsonValue] = {"code": code, "message": text}
        if data is not None:
            error["data"] = data
        told = {"jsonrpc": "2.0", "id": asked.message.id if asked.message else None, "error": error}
        await asked.answer(status, json.dumps(told).encode())

    async def initialize(self, asked: Asked) -> None:
        wanted = asked.message.params.get("protocolVersion") if asked.message else None
        self.protocol = min(str(wanted), self.play.era) if wanted in HANDSHAKES else self.play.era
        self.why_not = f"it does not speak {self.protocol}" if self.protocol != wanted else ""
        self.session = f"judge-{secrets.token_hex(12)}"
        self.initialized.append(asked)
        told: JsonValue = {"protocolVersion": self.protocol, "capabilities": CAPABILITIES, "serverInfo": INFO}
        await self.tell(asked, told, mcp_session_id=self.session)

    def end_session(self) -> None:
        self.ended_at = self.ended_at or self.play.wire.now()

    async def stand(self, asked: Asked) -> None:
        """The standing stream: open, with an id of its own, and quiet unless a case has it speak."""
        play = self.play
        name = f"s{play.rng.randrange(4096):03x}"
        standing = Stream(name, asked, play.rng, f"{play.nonce}s{len(self.standings)}")
        self.standings.append(standing)
        await asked.open()
        await standing.prime(None)

    async def stand_again(self, standing: Stream, asked: Asked) -> None:
        try:
            place = standing.check_cursor(asked.last_event_id or "")
        except BrokenError as fault:
            self.play.faults.append(fault)
            place = standing.sure
        await asked.open()
        await standing.carry(asked, place)

    def check(self, asked: Asked) -> None:
        """What is owed by each request after the handshake."""
        headers = asked.headers
        method = asked.message.method if asked.message else ""
        if method == "initialize":
            if self.session and headers.get("mcp-session-id"):
                came = f"mcp-session-id: {headers['mcp-session-id'][:12]}..."
                raise BrokenError(Verdict.FOREIGN_SESSION, "initialize without a session id", came)
        elif self.session and method != "server/discover" and asked.method != "DELETE":
            if headers.get("mcp-session-id") is None:
                raise missing(asked, "Mcp-Session-Id")
            if self.protocol > HANDSHAKES[0] and "mcp-protocol-version" not in headers:
                raise missing(asked, "MCP-Protocol-Version")
        due = {"GET": ("text/event-stream",), "POST": ("application/json", "text/event-stream")}
        for kind in due.get(asked.method, ()):
            if kind not in headers.get("accept", ""):
                raise missing(asked, f"Accept: {kind}")

    def check_cancel(self) -> None:
        play = self.play
        now = play.wire.now()
        waits = any(one.cut_at is not None and now - one.cut_at < AT_ONCE for one in play.streams)
        if waits and not play.refused and not play.has_ended:
            raise BrokenError(
                Verdict.CANCELLED, "a GET that resumes", "notifications/cancelled after the cut"
            )

    async def modern(self, asked: Asked) -> bool:
        """Of 2026-07-28 there are no sessions and no GETs."""
        method = asked.message.method if asked.message else ""
        if asked.method != "POST":
            await asked.answer(405, b"")
            if asked.last_event_id is not None:
                self.play.resumes.append(asked)
            return True
        if method in ("initialize", "notifications/initialized"):
            self.why_not = f"it asks for a handshake, which {MODERN} does not have"
            data: JsonValue = {"supported": [MODERN], "requested": "2025-11-25"}
            await self.fail(asked, 400, BAD_VERSION, f"This server speaks {MODERN}.", data)
            return True
        complete: dict[str, JsonValue] = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        if method == "server/discover":
            told: JsonValue = {
                "supportedVersions": [MODERN],
                "capabilities": CAPABILITIES,
                "serverInfo": INFO,
            }
            await self.tell(asked, {**complete, **told})
            return True
        if method == "tools/list":
            await self.tell(asked, {**complete, "tools": [TOOL]})
            return True
        return method not in ("tools/call", "tasks/get", "tasks/cancel") and await self.unknown(asked)

    async def unknown(self, asked: Asked) -> bool:
        if asked.message and asked.message.id is None:
            await asked.answer(202, b"")
        else:
            await self.fail(asked, 404, NO_METHOD, "There is no such method here.")
        return True


def missing(asked: Asked, header: str) -> BrokenError:
    method = asked.message.method if asked.message and asked.message.method else "a response"
    what = f"{asked.method} of {method}" if asked.method == "POST" else asked.method
    return BrokenError(Verdict.MISLABELLED, f"{header} on each request", f"a {what} without it")
