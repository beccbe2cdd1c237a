"""What is Redis's own: connections that are lost, round trips, publications, keys with a time to live."""

# pyright: reportUnknownMemberType=false
# (redis-py is typed in part)

import asyncio
from pathlib import Path
from typing import cast

import pytest
from broken_11 import broken
from pairs_11 import BUFFERS, Reader, pair, run, sent
from redis.asyncio import Redis
from redis_11 import LESSON, real_redis

from jobs.steps import Step
from on_redis.broker import RedisSSEBroker
from on_redis.own_server import RedisServer
from on_redis.replay_buffer import RedisSSEReplayBuffer, channel_of, events_key, keys_of
from on_redis.round_trips import RoundTrips
from on_redis.sessions import RedisSessions
from processes import run as program
from processes import serving
from replay_buffer import Event, id_of, stream_of
from server import MCPServer
from starting.limits import Limits
from starting.storage import connect
from workshop.breaks import Edit, edited


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


@pytest.mark.parametrize("protocol", [2, 3])
def test_whichever_protocol_a_client_speaks_the_broker_delivers(protocol: int, redis: RedisServer) -> None:
    """A new client of redis-py speaks RESP3, in which what is published comes as a push."""

    async def test() -> None:
        stream = stream_of("session")
        async with (
            Redis.from_url(redis.url, protocol=protocol) as client,
            RedisSSEBroker(client) as broker,
            broker.subscribe("session", stream) as inbox,
        ):
            assert await inbox.take(20) is None
            await broker.publish("session", Event(id_of(stream, 7), "live"))
            assert await inbox.take(20) == [Event(id_of(stream, 7), "live")]

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
                await other.publish(channel_of(reader.session_id), strange)
            await sent(server, reader.session_id, 3, 0.1)
            await asyncio.wait_for(reading, 20)
            assert reader.numbers == [0, 0, 1, 2]

    run(test)


async def hand_over_what_is_no_text(server: MCPServer, url: str, patience: float) -> None:
    """The fan-out of all other sessions goes on."""
    server.limits = Limits(ping=60.0)
    struck, reader = await Reader(server).open(), await Reader(server).open()
    async with connect(url, 5) as other, asyncio.TaskGroup() as tasks:
        both = [tasks.create_task(each.read(2)) for each in (struck, reader)]
        try:
            for each in (struck, reader):
                await server.notify(each.session_id, 0)
                while not each.numbers:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert await other.publish(channel_of(struck.session_id), b"reader: \xff") == 1
            await asyncio.sleep(0.1)
            await server.notify(reader.session_id, 1)
            await asyncio.wait({both[1]}, timeout=patience)
        finally:
            for each in both:
                each.cancel()
    assert reader.numbers == [0, 1], "lost"


def test_a_hand_over_that_is_no_text_ends_one_stream_at_most(redis: RedisServer, tmp_path: Path) -> None:
    async def test() -> None:
        async with pair(("redis", "redis"), redis, tmp_path) as server:
            await hand_over_what_is_no_text(server, redis.url, patience=20)

    run(test)


def test_a_broker_that_ends_with_what_others_publish_is_caught(redis: RedisServer, tmp_path: Path) -> None:
    kind = broken(
        RedisSSEBroker,
        ('[len(HAND_OVER) :].decode(errors="replace")', "[len(HAND_OVER) :].decode()"),
        ("except Exception as error:", "except RedisError as error:"),
    )

    async def test() -> None:
        async with pair(("redis", "redis"), redis, tmp_path) as good:
            assert isinstance(good.buffer, RedisSSEReplayBuffer)
            async with kind(good.buffer.client) as broker:
                bad = MCPServer(sse_broker=broker, sse_replay_buffer=good.buffer, sessions=good.sessions)
                with pytest.raises(AssertionError, match="lost"):
                    await hand_over_what_is_no_text(bad, redis.url, patience=1)

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


def test_who_is_cancelled_leaves_no_answer_to_the_next(redis: RedisServer) -> None:
    """Law 4: the next one may be another session."""

    async def test() -> None:
        async with connect(redis.url, 5) as client, connect(redis.url, 5) as other:
            trips = RoundTrips(client)
            waiting = asyncio.create_task(trips.ask(("BLPOP", "nobody pushes", 2)))
            while not (await other.info("clients"))["blocked_clients"]:
                assert not waiting.done()
            waiting.cancel()
            assert await trips.ask(("ECHO", "own")) == [b"own"]
            assert waiting.cancelled()

    run(test)


def test_sessions_that_are_opened_at_once_are_counted_too(redis: RedisServer) -> None:
    """Law 8: not more than may be, however many ask in the same moment."""

    async def test() -> None:
        async with connect(redis.url, 5) as client, connect(redis.url, 5) as other:
            await client.delete("mcp:sessions")  # those of other tests
            workers = [RedisSessions(client, 60), RedisSessions(other, 60)]
            asked = [workers[turn % 2].open("2025-11-25", 10) for turn in range(200)]
            opened = [session for session in await asyncio.gather(*asked) if session]
            assert len(opened) == 10
            assert all([await workers[1].use(session.id) for session in opened])
            await workers[0].end(opened[0].id)
            assert await workers[1].open("2025-11-25", 10)

    run(test)


def test_its_password_is_not_shown(tmp_path: Path) -> None:
    with real_redis(tmp_path, "--requirepass", "a-secret") as redis:
        url = redis.url.replace("//", "//:a-secret@")
        with serving(LESSON, "--redis", url) as server:
            server.wait_for(r"storage redis: redis://:\*\*\*@127\.0\.0\.1:\d+/0; workers: 1")
            assert "a-secret" not in server.output
    code, output = program(LESSON, "server.py", "--port", "0", "--redis", "redis://me:a-secret@127.0.0.1:1/0")
    assert code == 1
    assert "There is no Redis at redis://me:***@127.0.0.1:1/0" in output
    assert "a-secret" not in output


def test_a_server_that_tells_its_password_is_caught(tmp_path: Path) -> None:
    open_handed = Edit("starting/storage.py", "{colon and ':***'}", "{colon}{_}")
    copy, url = edited(LESSON, tmp_path, open_handed), "redis://me:a-secret@127.0.0.1:1/0"
    _, output = program(copy, "server.py", "--port", "0", "--redis", url)
    assert "a-secret" in output


def test_what_is_no_address_is_one_sentence() -> None:
    code, output = program(LESSON, "server.py", "--port", "0", "--redis", "127.0.0.1:6379")
    assert code == 1
    assert output.startswith("127.0.0.1:6379 is no address of a Redis")
    assert len(output.splitlines()) == 1


def test_redis_keys_have_a_time_to_live(redis: RedisServer) -> None:
    async def test() -> None:
        async with connect(redis.url, 5) as client:
            sessions, buffer = RedisSessions(client, 60), RedisSSEReplayBuffer(client, ttl=60)
            session = await sessions.open("2025-11-25", 10**6)
            assert session
            call = stream_of(session.id, 1)
            await buffer.record(session.id, "1")
            await buffer.record_step(session.id, "1", Step(call, 1))
            assert 0 < await client.pttl(events_key(session.id, call)) <= 60_000
            for key in keys_of(session.id):
                assert 0 < await client.pttl(key) <= 60_000
                await client.pexpire(key, 5000)
            await sessions.use(session.id)
            for key in keys_of(session.id):
                assert await client.pttl(key) > 5000

    run(test)


class Deaf(RedisSSEBroker):
    """Does not say that something may have been missed."""

    def _deliver(self, kind: bytes, channel: bytes, data: bytes) -> None:
        if kind != b"subscribe":
            super()._deliver(kind, channel, data)


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
