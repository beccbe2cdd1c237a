"""Lesson 11's tool on the bare wire."""

import json

from pydantic import BaseModel

from wire import Event, Exchange, Session


class Data(BaseModel):
    by: str
    number: int | None = None
    answer: str | None = None


class Params(BaseModel):
    data: Data


class Message(BaseModel):
    params: Params


class Client(Session):
    """A session whose requests have ids of their own, as the protocol wants."""

    def begin(self, steps: int, interval: float, request_id: int = 7) -> Exchange:
        arguments = {"steps": steps, "interval": interval}
        params = {"name": "build_project", "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        return Exchange(self.port, "POST", headers | self.headers, json.dumps(message).encode())

    def build(self, steps: int, interval: float, request_id: int = 7) -> None:
        with self.begin(steps, interval, request_id) as begun:
            assert begun.status == 200, begun.read_all()
            assert not begun.json()["result"]["isError"]


def data_of(event: Event) -> Data:
    return Message.model_validate_json(event.data).params.data


def whole(events: list[Event], steps: int) -> None:
    """Each step once, in order, and the answer, under ids without a hole."""
    told = [data_of(event) for event in events]
    assert [data.number for data in told] == [*range(1, steps + 1), None], told
    assert told[-1].answer == f"built in {steps} steps"
    places = [int(event.id) for event in events]
    assert places == list(range(places[0], places[0] + steps + 1))
    assert all(len(event.id) == 16 for event in events)


def opened(client: Client) -> tuple[Exchange, str]:
    stream = client.listen()
    while not stream.events:
        stream.read()
    return stream, stream.events[0].id
