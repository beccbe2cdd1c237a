"""Lesson 11's tool on the bare wire."""

import json
import time
from dataclasses import dataclass

from wire import PATIENCE, Event, Exchange, Session


@dataclass
class Data:
    """What a message of a build says: a step, or the answer."""

    by: str
    number: int | None = None
    answer: str | None = None


class Client(Session):
    """A session whose requests have ids of their own, as the protocol wants."""

    def begin(self, steps: int, interval: float, request_id: int | str = 7) -> Exchange:
        arguments = {"steps": steps, "interval": interval}
        params = {"name": "build_project", "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        return Exchange(self.port, "POST", headers | self.headers, json.dumps(message).encode())

    def build(self, steps: int, interval: float, request_id: int | str = 7) -> Exchange:
        """The call's stream, which has begun. A queue that is full is asked again, as it says."""
        deadline = time.monotonic() + PATIENCE
        while (
            begun := self.begin(steps, interval, request_id)
        ).status == 429 and time.monotonic() < deadline:
            with begun:
                begun.read_all()
            time.sleep(0.1)
        assert begun.status == 200, begun.read_all()
        assert begun.response.headers["content-type"].startswith("text/event-stream"), begun.read_all()
        begun.read_messages(1)
        return begun

    def left(self, steps: int, interval: float, request_id: int | str = 7) -> str:
        """A build whose stream nobody reads any more, and where that began."""
        with self.build(steps, interval, request_id) as begun:
            return begun.events[0].id


def data_of(event: Event) -> Data:
    told = json.loads(event.data)
    if "result" in told:
        return Data(told["result"]["_meta"]["by"], None, told["result"]["content"][0]["text"])
    return Data(told["params"]["data"]["by"], told["params"]["data"]["number"])


def whole(events: list[Event], steps: int, request_id: int | str = 7) -> None:
    """That it has begun, each step once, in order, and the answer, under ids of one stream without a hole."""
    told = [data_of(event) for event in events]
    assert [data.number for data in told] == [*range(steps + 1), None], told
    assert told[-1].answer == f"built in {steps} steps"
    assert json.loads(events[-1].data)["id"] == request_id
    stream = events[0].id.partition("-")[0]
    assert [event.id for event in events] == [f"{stream}-{place}" for place in range(1, steps + 3)]


def opened(client: Client) -> tuple[Exchange, str]:
    """The standing stream."""
    stream = client.listen()
    while not stream.events:
        stream.read()
    return stream, stream.events[0].id
