"""The tool `send_burst`: numbered messages, a pause between two of them."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Burst(BaseModel):
    """The arguments of `send_burst`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    count: Annotated[int, Field(ge=1, le=100_000, description="how many messages")] = 10
    interval: Annotated[float, Field(ge=0, le=60, description="seconds between two messages")] = 0.2

    async def run(self, send: Callable[[str], None]) -> None:
        """Send the messages, whether or not anybody listens."""
        began = time.perf_counter()
        for number in range(1, self.count + 1):
            send(self.message(number, time.perf_counter() - began))
            if self.interval or number % 100 == 0:  # at full speed, others have their turn all the same
                await asyncio.sleep(self.interval)

    def message(self, number: int, elapsed: float) -> str:
        data = {"number": number, "of": self.count, "elapsed": round(elapsed, 3)}
        params = {"level": "info", "logger": "send_burst", "data": data}
        notification = {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
        return json.dumps(notification, separators=(",", ":"))


TOOL: Mapping[str, JsonValue] = {
    "name": "send_burst",
    "description": "Begin to send numbered messages on this session's GET stream, and answer at once.",
    "inputSchema": Burst.model_json_schema(),
}
