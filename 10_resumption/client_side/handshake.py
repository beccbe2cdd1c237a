"""How a session begins: `initialize`, and what a client keeps of the answer, so that another can speak on."""

from collections.abc import Callable

from pydantic import JsonValue

from client_side.messages import Initialized, Message, Wire, events
from client_side.session_cache import SessionCache


async def handshake(
    wire: Wire, url: str, protocol: str, city: str, on_sent: Callable[[], None]
) -> SessionCache:
    params: JsonValue = {
        "protocolVersion": protocol,
        "capabilities": {},
        "clientInfo": {"name": "client.py", "version": "1.0.0"},
    }
    message: JsonValue = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    async with wire.post(message, None, on_sent) as source:
        last_event_id = None
        async for event in events(source):
            last_event_id = event.id or last_event_id
            if event.data:
                break
        else:
            raise ValueError("initialize was not answered")
    return SessionCache(
        url=url,
        protocol=Initialized.model_validate(Message.model_validate_json(event.data).result).protocol,
        session_id=source.response.headers["mcp-session-id"],
        last_event_id=last_event_id,
        city=city,
    )
