"""Any buffer with any broker: the same laws for all six pairs, on a real Redis."""

# pyright: reportUnknownMemberType=false
# (redis-py is typed in part)

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, ExitStack, aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis
from redis_11 import real_redis

from broker import InMemorySSEBroker, RedisSSEBroker, SSEBroker
from event import Event, EvictedError, NotIssuedError, id_of, stream_of
from limits import Limits
from redis_server import RedisServer
from replay_buffer import (
    InMemorySSEReplayBuffer,
    RedisSSEReplayBuffer,
    SQLiteSSEReplayBuffer,
    SSEReplayBuffer,
    Step,
    keys_of,
)
from round_trips import RoundTrips
from server import MCPServer
from sessions import InMemorySessions, RedisSessions, SessionStore, SQLiteSessions
from storage import connect

BUFFERS, BROKERS = ("memory", "sqlite", "redis"), ("memory", "redis")
PAIRS = [(buffer, broker) for buffer in BUFFERS for broker in BROKERS]
PATIENCE = 10.0


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    with real_redis(tmp_path_factory.mktemp("redis"), "--appendfsync", "no") as server:
        yield server


@asynccontextmanager
async def buffer_of(
    kind: str, redis: RedisServer, folder: Path, most: int
) -> AsyncGenerator[InMemorySSEReplayBuffer | SQLiteSSEReplayBuffer | RedisSSEReplayBuffer]:
    if kind == "memory":
        yield InMemorySSEReplayBuffer(most)
    elif kind == "sqlite":
        with closing(SQLiteSSEReplayBuffer(folder / "events.db", most)) as buffer:
            yield buffer
    else:
        async with connect(redis.url, 5) as client:
            yield RedisSSEReplayBuffer(client, most)


@asynccontextmanager
async def pair(
    kinds: tuple[str, str], redis: RedisServer, folder: Path, most: int = 100_000
) -> AsyncGenerator[MCPServer]:
    """A server on a pair; where both are Redis they share a client, and so a round trip."""
    async with AsyncExitStack() as stack:
        buffer = await stack.enter_async_context(buffer_of(kinds[0], redis, folder, most))
        broker: SSEBroker = InMemorySSEBroker()
        sessions: SessionStore = InMemorySessions(60)
        if kinds[1] == "redis":
            client = buffer.client if isinstance(buffer, RedisSSEReplayBuffer) else None
            client = client or await stack.enter_async_context(connect(redis.url, 5))
            broker = await stack.enter_async_context(RedisSSEBroker(client))
            sessions = RedisSessions(client, 60)
        limits = Limits(ping=5.0)
        yield MCPServer(sse_broker=broker, sse_replay_buffer=buffer, sessions=sessions, limits=limits)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def in_time() -> None:
        async with asyncio.timeout(40):
            await test()

    asyncio.run(in_time())


class Reader:
    """Reads a session's stream on as many connections as a test wants."""

    def __init__(self, server: MCPServer) -> None:
        self.server, self.cursor, self.numbers = server, "", list[int]()
        self.ids: list[str] = []

    async def open(self) -> "Reader":
        opened = await self.server.open("2025-11-25")
        self.session_id = opened.id
        self.cursor = id_of(stream_of(opened.id), 0)
        return self

    async def read(self, until: int, most: int = 10**9) -> None:
        """One connection, lost after `most` messages, inside a write or between two."""
        session = await self.server.find(self.session_id)
        await self.server.sessions.read_by(session.id, f"reader-{id(self)}-{len(self.ids)}")
        session = await self.server.find(self.session_id)
        await self.server.broker.hand_over(session.id, session.reader)
        got = 0
        async with aclosing(self.server.follow(session, self.cursor, b"")) as stream:
            async for written in stream:
                for event in written.decode().split("\n\n"):
                    if event.startswith("id: ") and got < most:
                        name, _, data = event.partition("\n")
                        self.cursor = name.removeprefix("id: ")
                        self.ids.append(self.cursor)
                        self.numbers.append(json.loads(data.removeprefix("data: ")))
                        got += 1
                if got >= most or len(self.numbers) >= until:
                    return


async def sent(server: MCPServer, session_id: str, count: int, pause: float = 0.0) -> None:
    for number in range(count):
        await server.notify(session_id, number)
        if number % 10 == 0 or pause:
            await asyncio.sleep(pause)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_backlog_and_live_tail_are_one_sequence(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    """Laws 2 and 3: cut again and again while messages are recorded as fast as can be."""

    async def test() -> None:
        dice = random.Random(11)  # noqa: S311 (the same cuts each time)
        async with pair(kinds, redis, tmp_path) as server:
            reader = await Reader(server).open()
            sending = asyncio.create_task(sent(server, reader.session_id, 2000))
            while len(reader.numbers) < 2000:
                await reader.read(2000, most=dice.randrange(1, 120))
            await sending
            assert reader.numbers == list(range(2000))
            assert reader.ids == [id_of(stream_of(reader.session_id), n) for n in range(1, 2001)]

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_two_that_record_never_give_an_id_twice(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as one:
            other = MCPServer(
                sse_broker=one.broker, sse_replay_buffer=one.buffer, sessions=one.sessions, limits=one.limits
            )
            reader = await Reader(one).open()
            reading = asyncio.create_task(reader.read(600))
            await asyncio.gather(
                *(sent(server, reader.session_id, 100) for server in (one, other) for _ in range(3))
            )
            await reading
            assert reader.ids == sorted(set(reader.ids))
            assert all(len(name) == 16 and name.isdigit() for name in reader.ids)

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_sessions_keep_to_themselves(kinds: tuple[str, str], redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            one, two = await Reader(server).open(), await Reader(server).open()
            both = asyncio.gather(one.read(50), two.read(80))
            await asyncio.gather(sent(server, one.session_id, 50), sent(server, two.session_id, 80))
            await both
            assert (one.numbers, two.numbers) == (list(range(50)), list(range(80)))
            assert server.buffer
            for foreign in two.ids:
                with pytest.raises(NotIssuedError):
                    await server.buffer.replay(one.session_id, foreign)

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_stream_ends_with_its_session_and_for_its_next_reader(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            reader = await Reader(server).open()
            first = asyncio.create_task(reader.read(10**9))
            second = await Reader(server).open()
            second.session_id, second.cursor = reader.session_id, reader.cursor
            await asyncio.sleep(0.5)
            again = asyncio.create_task(second.read(10**9))
            await asyncio.wait_for(first, PATIENCE)
            await server.notify(reader.session_id, 7)
            while not second.numbers:  # noqa: ASYNC110 (in time, since all of it is)
                await asyncio.sleep(0.01)
            await server.end(await server.find(reader.session_id))
            await asyncio.wait_for(again, PATIENCE)
            assert (reader.numbers, second.numbers) == ([], [7])

    run(test)


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("most", [1, 50, 1000])
def test_the_buffer_is_a_list_of_the_newest(kind: str, most: int, redis: RedisServer, tmp_path: Path) -> None:
    """Law 7, however roughly a storage trims: what follows an id is there whole, or it is refused."""

    async def test() -> None:
        dice = random.Random(most)  # noqa: S311 (the same each time)
        async with buffer_of(kind, redis, tmp_path, most) as buffer:
            session_id, count = f"{kind}-{most}-{dice.random()}", 700
            recorded = [await buffer.record(session_id, str(number)) for number in range(count)]
            refused = 0
            for cursor in [0, count, *dice.sample(range(count), 100)]:
                name = id_of(stream_of(session_id), cursor)
                try:
                    follow = await buffer.replay(session_id, name, 60)
                except EvictedError:
                    refused += 1
                    assert cursor < count - most, "evicted too early"
                else:
                    assert follow == recorded[cursor : cursor + 60]
            assert refused or most >= count
            assert (await buffer.replay(session_id, None)) == recorded[-1:]
            await refuses_what_was_never_issued(buffer, session_id, count)
            await buffer.forget(session_id)
            assert await buffer.replay(session_id, None) == []

    run(test)


async def refuses_what_was_never_issued(buffer: SSEReplayBuffer, session_id: str, count: int) -> None:
    stream = stream_of(session_id)
    other = stream_of(session_id + "x")
    for never in (
        id_of(stream, count + 1),
        id_of(stream, 99_999_999),
        id_of(other, 3),
        "",
        "0",
        "-1",
        "!",
        stream,
        f" {id_of(stream, 3)}",
        id_of(stream, 3) + "0",
        id_of(stream, 3)[:15] + "\u0663",
        "9" * 40,
    ):
        with pytest.raises(NotIssuedError):
            await buffer.replay(session_id, never)


@pytest.mark.parametrize("kind", BUFFERS)
def test_a_step_is_recorded_once_and_in_its_turn(kind: str, redis: RedisServer, tmp_path: Path) -> None:
    """Many workers at one job: the note and the message are one transaction."""

    async def test() -> None:
        async with buffer_of(kind, redis, tmp_path, 1000) as buffer:
            session_id = f"steps-{kind}-{random.random()}"  # noqa: S311

            async def work() -> None:
                while (done := await buffer.steps_done(session_id, "job")) < 50:
                    await buffer.record(session_id, str(done + 1), Step("job", done + 1))

            await asyncio.gather(*(work() for _ in range(5)))
            events = await buffer.replay(session_id, id_of(stream_of(session_id), 0))
            assert [int(event.message) for event in events] == list(range(1, 51))
            for late in (1, 49, 50, 52):
                assert await buffer.record(session_id, "x", Step("job", late)) is None

    run(test)


@pytest.mark.parametrize("kind", BUFFERS)
def test_a_broker_that_loses_its_connection_is_made_good(
    kind: str, redis: RedisServer, tmp_path: Path
) -> None:
    """All of Redis's connections for fan-out are cut, again and again, while messages are sent."""

    async def test() -> None:
        async with pair((kind, "redis"), redis, tmp_path) as server, connect(redis.url, 5) as client:
            reader = await Reader(server).open()
            reading = asyncio.create_task(reader.read(300))
            sending = asyncio.create_task(sent(server, reader.session_id, 300, pause=0.005))
            while not sending.done():
                await asyncio.sleep(0.2)
                await client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")  # pyright: ignore[reportUnknownMemberType]
            await sending
            await reading
            assert reader.numbers == list(range(300))

    run(test)


@pytest.mark.parametrize(("together", "most"), [(1, 9), (9, 2)], ids=["one after the other", "at once"])
def test_recording_and_fan_out_are_one_round_trip(
    together: int, most: int, redis: RedisServer, tmp_path: Path
) -> None:
    """Redis itself counts how often it reads what it is asked; who notifies at once shares a trip."""

    async def test() -> None:
        async with pair(("redis", "redis"), redis, tmp_path) as server, connect(redis.url, 5) as other:

            async def reads() -> int:
                told = cast("dict[str, int]", await other.info("stats"))
                return told["total_reads_processed"]

            reader = await Reader(server).open()
            await server.notify(reader.session_id, 0)  # the script is there from now on
            before = await reads()
            for first in range(1, 10, together):
                numbers = range(first, first + together)
                await asyncio.gather(*(server.notify(reader.session_id, number) for number in numbers))
            assert await reads() - before - 1 <= most, "its own count is one"
            await reader.read(10)
            assert reader.numbers == list(range(10))

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_busy_stream_renews_its_session(kinds: tuple[str, str], redis: RedisServer, tmp_path: Path) -> None:
    """What comes without a pause leaves no silence in which the stream would look."""

    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            ttl, server.limits = 0.6, Limits(ping=5.0, max_idle=0.6)
            match server.buffer:
                case RedisSSEReplayBuffer(client=client) if kinds[1] == "redis":
                    server.sessions = RedisSessions(client, ttl)
                case _:
                    server.sessions = InMemorySessions(ttl)
            reader = await Reader(server).open()
            reading = asyncio.create_task(reader.read(30))
            await sent(server, reader.session_id, 30, 0.05)
            await reading
            assert reader.numbers == list(range(30))
            assert await server.sessions.use(reader.session_id)

    run(test)


@pytest.mark.parametrize("protocol", [2, 3])
def test_whichever_protocol_a_client_speaks_the_broker_delivers(protocol: int, redis: RedisServer) -> None:
    """A new client of redis-py speaks RESP3, in which what is published comes as a push."""

    async def test() -> None:
        async with (
            Redis.from_url(redis.url, protocol=protocol) as client,
            RedisSSEBroker(client) as broker,
            broker.subscribe("session") as inbox,
        ):
            assert await inbox.take(20) is None
            await broker.publish("session", Event("", "live"))
            assert await inbox.take(20) == [Event("", "live")]

    run(test)


def test_what_others_publish_ends_nothing(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with pair(("redis", "redis"), redis, tmp_path) as server, connect(redis.url, 5) as other:
            server.limits = Limits(ping=60.0)
            reader = await Reader(server).open()
            reading = asyncio.create_task(reader.read(4))
            await server.notify(reader.session_id, 0)
            while not reader.numbers:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            for strange in (b"\xff\xfe", b"", b"x y", b"1234567890123456789"):
                await other.publish(RedisSSEBroker.channel(reader.session_id), strange)
            await sent(server, reader.session_id, 3, 0.1)
            await asyncio.wait_for(reading, 20)
            assert reader.numbers == [0, 0, 1, 2]

    run(test)


def test_a_question_that_cannot_be_put_is_an_error_for_all_in_its_trip(redis: RedisServer) -> None:
    async def test() -> None:
        async with connect(redis.url, 5) as client:
            trips = RoundTrips(client)
            asked = [trips.ask(("ECHO", text)) for text in ("alone", "fine", "\ud800", "fine too")]
            told = await asyncio.gather(*asked, return_exceptions=True)
            assert told[0] == [b"alone"]
            assert all(isinstance(each, UnicodeEncodeError) for each in told[1:])
            assert await trips.ask(("ECHO", "again")) == [b"again"]

    run(test)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_session_that_just_goes_away_leaves_nothing(kind: str, tmp_path: Path) -> None:
    """Law 8; on Redis its keys have a time to live."""

    async def test() -> None:
        with ExitStack() as stack:
            if kind == "memory":
                buffer = InMemorySSEReplayBuffer()
                sessions = InMemorySessions(0.05, buffer.forget)
            else:
                buffer = stack.enter_context(closing(SQLiteSSEReplayBuffer(tmp_path / "e.db")))
                sessions = SQLiteSessions(tmp_path / "e.db", 0.05, buffer.forget)
                stack.enter_context(closing(sessions))
            server = MCPServer(sse_replay_buffer=buffer, sessions=sessions)
            gone = await server.open("2025-11-25")
            await server.notify(gone.id, 1)
            assert await buffer.replay(gone.id, None)
            await asyncio.sleep(0.1)
            assert await sessions.use(gone.id) is None
            await server.open("2025-11-25")
            assert not await buffer.replay(gone.id, None)

    run(test)


def test_redis_keys_have_a_time_to_live(redis: RedisServer) -> None:
    async def test() -> None:
        async with connect(redis.url, 5) as client:
            sessions, buffer = RedisSessions(client, 60), RedisSSEReplayBuffer(client, ttl=60)
            session = await sessions.open("2025-11-25", 10**6)
            assert session
            await buffer.record(session.id, "1", Step("job", 1))
            for key in keys_of(session.id):
                assert 0 < await client.pttl(key) <= 60_000
                await client.pexpire(key, 5000)
            await sessions.use(session.id)
            for key in keys_of(session.id):
                assert await client.pttl(key) > 5000

    run(test)


def test_without_a_buffer_there_are_no_ids() -> None:
    async def test() -> None:
        server = MCPServer()
        opened = await server.open("2025-11-25")
        response = await server.listen(opened, "0000000000000007")  # ignored: a fresh live stream
        assert response.status_code == 200
        session = await server.find(opened.id)
        async with aclosing(server.follow(session, "", b"")) as stream:
            assert await anext(stream) == b""
            assert await anext(stream) == b": still here\n"
            await server.notify(opened.id, {"a": 1})
            assert await anext(stream) == b'data: {"a":1}\n\n'

    run(test)


# Servers that break a law, and the test that catches each.


class Deaf(RedisSSEBroker):
    """Does not say that something may have been missed."""

    def _deliver(self, kind: bytes, channel: bytes, data: bytes) -> None:
        if kind != b"subscribe":
            super()._deliver(kind, channel, data)


class Gullible(MCPServer):
    """Takes what comes live for all that there is."""

    @staticmethod
    async def from_cursor(
        buffer: SSEReplayBuffer, session_id: str, cursor: str, events: list[Event] | None
    ) -> list[Event]:
        return await buffer.replay(session_id, cursor, 1000) if events is None else events


def test_a_broker_that_does_not_tell_is_caught(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with pair(("redis", "redis"), redis, tmp_path) as good:
            assert isinstance(good.buffer, RedisSSEReplayBuffer)
            async with Deaf(good.buffer.client) as broker:
                bad = MCPServer(
                    sse_broker=broker,
                    sse_replay_buffer=good.buffer,
                    sessions=good.sessions,
                    limits=good.limits,
                )
                reader = await Reader(bad).open()
                await sent(bad, reader.session_id, 20)
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reader.read(20), 1)

    run(test)


def test_a_server_that_trusts_its_broker_is_caught(tmp_path: Path, redis: RedisServer) -> None:
    async def test() -> None:
        async with pair(("memory", "memory"), redis, tmp_path) as good:
            bad = Gullible(
                sse_broker=good.broker,
                sse_replay_buffer=good.buffer,
                sessions=good.sessions,
                limits=good.limits,
            )
            reader = await Reader(bad).open()
            reading = asyncio.create_task(reader.read(20))
            await asyncio.sleep(0.05)
            assert bad.buffer
            await bad.buffer.record(reader.session_id, "0")  # fan-out has lost it
            await bad.notify(reader.session_id, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reading, 1)
            assert reader.numbers == [1], "lost"

    run(test)
