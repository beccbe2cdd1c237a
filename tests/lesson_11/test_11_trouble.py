"""Redis stopped, slow, full, emptied: a clear error, nothing sent that was not stored, recovery by itself."""

import asyncio
import os
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis_11 import LESSON, real_redis
from wire_11 import Client, whole

from on_redis.own_server import RedisServer
from processes import Server, serving
from starting.storage import connect

QUICK = ("--retry", "50", "--lease", "0.6", "--patience", "1.5", "--ping", "0.5", "--workers", "2")


@contextmanager
def both(folder: Path) -> Generator[tuple[Server, RedisServer]]:
    with real_redis(folder) as redis, serving(LESSON, "--redis", redis.url, *QUICK) as server:
        yield server, redis


def tell(redis: RedisServer, *command: str) -> None:
    async def once() -> None:
        async with connect(redis.url, 5) as client:
            await client.execute_command(*command)  # pyright: ignore[reportUnknownMemberType]

    asyncio.run(once())


def says(client: Client, sentence: str) -> None:
    for asked in (client.post("ping", {}), client.listen(), client.begin(3, 0, request_id=9)):
        with asked as refused:
            assert refused.status == 503, refused.read_all()
            assert sentence in refused.json()["error"]["message"]


def test_stopped_and_started(tmp_path: Path) -> None:
    with both(tmp_path) as (server, redis):
        client = Client(server.port)
        with client.build(30, 0.05) as stream:
            stream.read_messages(5)
            redis.kill()
            says(client, "cannot be reached")
            while b": The storage cannot be reached" not in stream.body:
                stream.read()
            redis.again()
            whole(stream.read_messages(32), 30)
            assert client.delete() == 204


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot halt a process")
def test_slow(tmp_path: Path) -> None:
    with both(tmp_path) as (server, redis):
        client = Client(server.port)
        with client.build(30, 0.05) as stream:
            stream.read_messages(5)
            os.kill(redis.pid, signal.SIGSTOP)
            try:
                says(client, "is slow")
            finally:
                os.kill(redis.pid, signal.SIGCONT)
            whole(stream.read_messages(32), 30)
            with client.build(3, 0, request_id=9) as again:  # had it begun? Once in any case
                again.read_all()
                whole(again.messages, 3, 9)


def test_full(tmp_path: Path) -> None:
    with both(tmp_path) as (server, redis):
        client = Client(server.port)
        with client.build(30, 0.05) as stream:
            stream.read_messages(5)
            tell(redis, "CONFIG", "SET", "maxmemory", "1")
            with client.begin(3, 0, request_id=9) as refused:
                assert refused.status == 503
                assert "is full" in refused.json()["error"]["message"]
            with pytest.raises(AssertionError, match="is full"):
                Client(server.port)
            tell(redis, "CONFIG", "SET", "maxmemory", "0")
            whole(stream.read_messages(32), 30)
            with client.build(3, 0, request_id=9) as again:
                again.read_all()
                whole(again.messages, 3, 9)


def test_emptied(tmp_path: Path) -> None:
    with both(tmp_path) as (server, redis):
        client = Client(server.port)
        with client.build(500, 0.02) as stream:
            stream.read_messages(5)
            tell(redis, "FLUSHALL")
            stream.read_all()  # it ends, and does not wait for ever
        with client.listen(stream.events[0].id) as refused:
            assert refused.status == 404
        again = Client(server.port)
        with again.build(5, 0) as stream:
            stream.read_all()
            whole(stream.messages, 5)
