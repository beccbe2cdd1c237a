"""The Python SDK's `ClientSession` resumes a call in a new process: run it twice, the first run dies.

python resume.py URL FILE      FILE is what the first run leaves behind: two headers, and an event id
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TypedDict

import httpx2
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import ClientMessageMetadata
from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult

FILE = Path(sys.argv[2])
REQUEST = CallToolRequest(params=CallToolRequestParams(name="get_forecast", arguments={"city": "Lisbon"}))


class Left(TypedDict):
    headers: dict[str, str]
    event_id: str


def die(left: Left) -> None:
    """With the call in flight."""
    FILE.write_text(json.dumps(left))
    os._exit(9)


async def first_run(url: str) -> None:
    headers: dict[str, str] = {"mcp-protocol-version": "2025-11-25"}

    async def read_session(response: httpx2.Response) -> None:
        if session_id := response.headers.get("mcp-session-id"):
            headers["mcp-session-id"] = session_id

    async def keep(event_id: str) -> None:
        die({"headers": headers, "event_id": event_id})

    async with (
        httpx2.AsyncClient(event_hooks={"response": [read_session]}) as http,
        streamable_http_client(url, http_client=http) as (read, write),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        metadata = ClientMessageMetadata(on_resumption_token_update=keep)
        await session.send_request(REQUEST, CallToolResult, metadata=metadata)


async def second_run(url: str, left: Left) -> None:
    async with (
        httpx2.AsyncClient(headers=left["headers"], timeout=60) as http,
        streamable_http_client(url, http_client=http) as (read, write),
        ClientSession(read, write) as session,
    ):
        metadata = ClientMessageMetadata(resumption_token=left["event_id"])
        result = await session.send_request(REQUEST, CallToolResult, metadata=metadata)
        print(result.structured_content)


if FILE.exists():
    asyncio.run(second_run(sys.argv[1], json.loads(FILE.read_text())))
else:
    asyncio.run(first_run(sys.argv[1]))
