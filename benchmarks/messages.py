"""The message that every store keeps and every server sends: a numbered log notification of 200 bytes.

payload  as a dictionary, built by code as a tool would, so that its constant parts are shared
text     as compact JSON
"""

import json
from typing import Any

SIZE = 200


def payload(number: int) -> dict[str, Any]:
    data = {"number": number, "filler": ""}
    params = {"level": "info", "logger": "send_burst", "data": data}
    message = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
    data["filler"] = "." * (SIZE - len(compact(message)))
    return message


def text(number: int) -> str:
    return compact(payload(number))


def compact(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"))
