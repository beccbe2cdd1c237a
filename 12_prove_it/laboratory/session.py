"""One session with the server, by hand: it trusts nothing and keeps all.

session  what `initialize` opened, named by `Mcp-Session-Id`
"""

import json
from typing import Self

from pydantic import JsonValue

from laboratory.peer import Answer, Peer, initialize
from laboratory.stream import Reply, Stream, Token

FIRST = 4  # times its patience; a server that has just started is slow


class NotMcpError(Exception):
    """The server does not answer as an MCP server of the handshake era does."""


class FullError(Exception):
    """The server takes no more sessions now."""


class Session:
    """One session with the server; its requests take ids of their own."""

    def __init__(self, peer: Peer, headers: dict[str, str], first_id: int, *, text_ids: bool = False) -> None:
        self.peer, self.headers = peer, headers
        self.next_id, self.text_ids = first_id, text_ids
        self.http = peer.http
        self.seen: dict[str, str] = {}  # what each id of it named

    @classmethod
    async def open(cls, peer: Peer, first_id: int, *, text_ids: bool = False) -> Self:
        session = cls(peer, {}, first_id, text_ids=text_ids)
        params = initialize(peer.protocol, None)["params"]
        answer, reply = await session.call("initialize", params)
        if answer.status == 429:
            raise FullError(answer.text[:200])
        match reply.get("result"):
            case {"protocolVersion": str(protocol)}:
                pass
            case _:
                elsewhere = answer.headers.get("location")
                told = f"it lies at {elsewhere}" if elsewhere else answer.text[:200]
                raise NotMcpError(f"initialize was answered with {answer.status}: {told}")
        session.headers = {"mcp-protocol-version": protocol}
        if session_id := answer.headers.get("mcp-session-id"):
            session.headers["mcp-session-id"] = session_id
            peer.session_ids.append(session_id)
        await session.notify("notifications/initialized")
        return session

    @property
    def id(self) -> str:
        return self.headers.get("mcp-session-id", "")

    def body(self, method: str, params: JsonValue, number: Token | None = None) -> tuple[Token, bytes]:
        if number is None:
            number, self.next_id = str(self.next_id) if self.text_ids else self.next_id, self.next_id + 1
        request: JsonValue = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return number, json.dumps(request, ensure_ascii=False).encode()

    async def call(self, method: str, params: JsonValue) -> tuple[Answer, Reply]:
        """A request whose response is all that matters, be it JSON or the last event of a stream."""
        stream = Stream(self, "POST", None, self.body(method, params))
        patience = self.peer.patience * (FIRST if method == "initialize" else 1)
        await stream.read(patience, lambda: stream.response is not None)
        if stream.answer is None:
            raise stream.error or TimeoutError(f"{method} was not answered")
        return stream.answer, stream.response or {}

    async def notify(self, method: str, params: JsonValue = None) -> None:
        told: dict[str, JsonValue] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            told["params"] = params
        await self.peer.ask("POST", self.headers, json.dumps(told).encode())

    async def delete(self) -> Answer:
        return await self.peer.ask("DELETE", self.headers)
