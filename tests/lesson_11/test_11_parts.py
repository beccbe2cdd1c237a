"""Buffer and broker are chosen separately; without one of the two the server says what is missing."""

import json
import traceback
from collections.abc import Generator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from pairs_11 import opened_in, run
from redis_11 import LESSON
from wire_11 import Client, opened, whole

from answering.endpoint import Endpoint, Running
from on_redis.broker import RedisSSEBroker
from on_redis.own_server import RedisServer
from on_redis.round_trips import RoundTrips
from plumbing.door import Guard
from processes import Server, serving
from server import MCPServer
from starting.limits import Limits, Settings
from starting.storage import connect
from starting.storage import opened as opened_storage
from worker import working


@pytest.fixture(scope="module")
def without_buffer() -> Generator[Server]:
    with serving(LESSON, "--storage", "memory", "--buffer", "none") as server:
        server.wait_for("buffer none: no ids, so nothing is resumed")
        yield server


def test_without_a_buffer_a_call_is_whole_and_has_no_ids(without_buffer: Server) -> None:
    client = Client(without_buffer.port)
    for steps, interval, request_id in ((300, 0.0, 7), (5, 0.05, 8)):
        with client.begin(steps, interval, request_id) as stream:
            stream.read_all()
        assert b"id:" not in stream.body.replace(b'"id":', b"")
        lines = bytes(stream.body).splitlines()
        told = [json.loads(line[6:]) for line in lines if line.startswith(b"data: ")]
        assert [one["params"]["data"]["number"] for one in told[:-1]] == [*range(steps + 1)]
        assert told[-1]["id"] == request_id


def test_without_a_buffer_a_call_that_is_over_is_said_to_be(without_buffer: Server) -> None:
    """Sent again after its answer was lost, it would wait for ever."""
    client = Client(without_buffer.port)
    with client.begin(1, 0) as stream:
        stream.read_all()
    while True:  # a job leaves the queue a moment after its answer
        with client.begin(1, 0) as again:
            if again.status == 200:
                again.cut()
                continue
            assert again.status == 410
            assert again.json()["error"]["message"].startswith("This call is over, and nothing was kept")
            return


def test_without_a_broker_what_is_new_is_found_by_looking() -> None:
    with serving(LESSON, "--storage", "memory", "--broker", "none", "--ping", "0.2") as server:
        server.wait_for(r"broker none: what is new is found each 0\.2 s")
        client = Client(server.port)
        standing, _ = opened(client)
        with standing, client.build(10, 0.1) as stream:
            stream.read_all()
            whole(stream.messages, 10)
            with client.listen(stream.events[4].id) as again:
                again.read_all()
                assert again.events == stream.events[5:]


def test_a_broker_that_was_not_entered_says_so(redis: RedisServer) -> None:
    """Else what is new would be found only by looking, and nobody would know why."""

    async def test() -> None:
        async with connect(redis.url, 5) as client:
            broker = RedisSSEBroker(client)
            with pytest.raises(RuntimeError, match="enter it with `async with RedisSSEBroker"):
                MCPServer(sse_broker=broker)
            with pytest.raises(RuntimeError, match="enter it with `async with RedisSSEBroker"):
                async with broker.subscribe("session", "stream"):
                    pass

    run(test)


def test_a_post_is_in_redis_after_six_hops(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hop is a file that a reader opens on the way of a message."""
    ways: list[list[str]] = []
    ask = RoundTrips.ask

    async def watched(trips: RoundTrips, *questions: Any) -> Any:
        if questions[0][0] == "EVALSHA":
            files = [Path(frame.filename) for frame in traceback.extract_stack()[:-1]]
            own = [str(file.relative_to(LESSON)) for file in files if file.is_relative_to(LESSON)]
            ways.append([*dict.fromkeys(own), "on_redis/round_trips.py"])
        return await ask(trips, *questions)

    async def test() -> None:
        settings = Settings(Limits(), "redis", redis=redis.url)
        async with opened_storage(settings) as storage:
            server = MCPServer(
                sse_broker=storage.broker, sse_replay_buffer=storage.buffer, sessions=storage.sessions
            )
            async with working(storage, server, server.limits) as work:
                session = await opened_in(server)
                monkeypatch.setattr(RoundTrips, "ask", watched)
                await post(server, Running(server, work), session.id)

    run(test)
    assert ways[0] == [
        "plumbing/door.py",
        "answering/endpoint.py",
        "worker.py",
        "server.py",
        "on_redis/replay_buffer.py",
        "on_redis/round_trips.py",
    ]


async def post(server: MCPServer, running: Running, session_id: str) -> None:
    """A call, without the network."""
    call = {"name": "build_project", "arguments": {"steps": 1, "interval": 0}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    headers = {
        "host": "localhost",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-session-id": session_id,
    }
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/mcp",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "state": {"running": running},
    }
    body = iter([{"type": "http.request", "body": json.dumps(message).encode()}])

    async def receive() -> MutableMapping[str, Any]:
        return next(body, {"type": "http.disconnect"})

    async def send(_message: MutableMapping[str, Any]) -> None:
        pass

    await Guard(Endpoint(server.limits), server.limits)(scope, receive, send)
