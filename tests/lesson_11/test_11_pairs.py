"""Any buffer with any broker: the same laws for all six pairs, on a real Redis."""

import asyncio
import random
from contextlib import ExitStack, aclosing, closing
from pathlib import Path

import pytest
from pairs_11 import BUFFERS, PAIRS, Buffer, Reader, pair, run, sent

from in_memory.replay_buffer import InMemorySSEReplayBuffer
from in_memory.sessions import InMemorySessions
from on_redis.own_server import RedisServer
from on_redis.sessions import RedisSessions
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from on_sqlite.sessions import SQLiteSessions
from replay_buffer import Event, EvictedError, NotIssuedError, SSEReplayBuffer, Step, id_of, stream_of
from server import MCPServer
from sessions import SessionStore
from starting.limits import Limits

PATIENCE = 10.0


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
            assert reader.ids == [id_of(stream_of(reader.session_id), n) for n in range(1, 601)]

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
        async with BUFFERS[kind](redis, tmp_path, most) as buffer:
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
        id_of(stream, 3) + "x",
        id_of(stream, 3)[:-1] + "\u0663",
        id_of(stream, 3).replace("-", "-0"),
        id_of(stream[:-1] + ("0" if stream[-1] == "f" else "f"), 3),
        "9" * 40,
    ):
        with pytest.raises(NotIssuedError):
            await buffer.replay(session_id, never)


@pytest.mark.parametrize("kind", BUFFERS)
def test_a_step_is_recorded_once_and_in_its_turn(kind: str, redis: RedisServer, tmp_path: Path) -> None:
    """Many workers at one job: the note and the message are one transaction."""

    async def test() -> None:
        async with BUFFERS[kind](redis, tmp_path, 1000) as buffer:
            session_id = f"steps-{kind}-{random.random()}"  # noqa: S311
            job = stream_of(session_id, "job")

            async def work() -> None:
                while (done := await buffer.steps_done(session_id, job)) < 50:
                    await buffer.record(session_id, str(done + 1), Step(job, done + 1))

            await asyncio.gather(*(work() for _ in range(5)))
            events = await buffer.replay(session_id, id_of(job, 0))
            assert [int(event.message) for event in events] == list(range(1, 51))
            for late in (1, 49, 50, 52):
                assert await buffer.record(session_id, "x", Step(job, late)) is None

    run(test)


@pytest.mark.parametrize("kind", BUFFERS)
def test_streams_of_a_session_keep_to_themselves(kind: str, redis: RedisServer, tmp_path: Path) -> None:
    """Law 4, and law 8: of calls that are over the newest are kept; an id of an older one was evicted."""

    async def test() -> None:
        async with BUFFERS[kind](redis, tmp_path, 1000) as buffer:
            buffer.max_calls = 3
            session_id = f"streams-{kind}-{random.random()}"  # noqa: S311
            calls = [stream_of(session_id, call) for call in (1, "1", 2, "a", "")]
            assert len({stream_of(session_id), *calls}) == 6
            for number in (1, 2, 3):
                assert await buffer.record(session_id, f"standing {number}")
                for call in calls:
                    assert await buffer.record(session_id, f"{call} {number}", Step(call, number))
            under_way, *over = calls
            for call in over:
                assert await buffer.record(session_id, f"{call} 4", Step(call, 4, last=True))
            for name, stream, last in (
                ("standing", stream_of(session_id), 3),
                (under_way, under_way, 3),
                *((call, call, 4) for call in over[1:]),
            ):
                events = await buffer.replay(session_id, id_of(stream, 1))
                assert events == [Event(id_of(stream, n), f"{name} {n}") for n in range(2, last + 1)]
                with pytest.raises(NotIssuedError):
                    await buffer.replay(session_id, id_of(stream, last + 1))
            for place in range(5):
                with pytest.raises(EvictedError):
                    await buffer.replay(session_id, id_of(over[0], place))
            await buffer.forget(session_id)
            for stream in calls:
                assert await buffer.steps_done(session_id, stream) == 0
                with pytest.raises(EvictedError):
                    await buffer.replay(session_id, id_of(stream, 1))

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_nothing_is_kept_for_a_session_that_has_ended(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    """Law 8: neither a message nor a step, be there events of before or none."""

    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            buffer = server.buffer
            assert isinstance(buffer, Buffer)
            for before in (0, 3):
                session = await server.open("2025-11-25")
                await sent(server, session.id, before)
                await server.end(session)
                assert await server.notify(session.id, 1) is None
                assert await server.send(session.id, "2", Step(stream_of(session.id, 1), 1)) is None
                assert await buffer.replay(session.id, None) == []
                assert await buffer.steps_done(session.id, stream_of(session.id, 1)) == 0

    run(test)


@pytest.mark.parametrize("kinds", [PAIRS[0], PAIRS[2], PAIRS[5]], ids="-".join)
def test_a_silent_stream_and_work_keep_their_session_open(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    """Also where a stream would look more seldom than sessions end. What is only sent renews nothing."""

    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            server.limits, server.sessions = Limits(ping=60.0, max_idle=4.0), short_lived(server, 4.0)
            read, worked, forgotten = [await Reader(server).open() for _ in range(3)]
            reading = asyncio.create_task(read.read(10**9))
            for number in range(1, 13):
                await asyncio.sleep(0.4)
                assert await server.send(
                    worked.session_id, "1", Step(stream_of(worked.session_id, 1), number)
                )
                await server.notify(forgotten.session_id, number)
            assert not reading.done()
            assert await server.sessions.use(read.session_id)
            assert await server.sessions.use(worked.session_id)
            assert not await server.sessions.use(forgotten.session_id)
            reading.cancel()

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_stream_that_is_opened_while_the_worker_stops_ends_at_once(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            reader = await Reader(server).open()
            session = await server.find(reader.session_id)
            server.close()
            async with asyncio.timeout(PATIENCE):
                assert [part async for part in server.follow(session, reader.cursor, b"opening")] == [
                    b"opening"
                ]

    run(test)


def short_lived(server: MCPServer, ttl: float) -> SessionStore:
    """The same sessions, as if the server had been started with less time for each."""
    if isinstance(server.sessions, RedisSessions):
        return RedisSessions(server.sessions.client, ttl)
    return InMemorySessions(ttl)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_busy_stream_renews_its_session(kinds: tuple[str, str], redis: RedisServer, tmp_path: Path) -> None:
    """What comes without a pause leaves no silence in which the stream would look."""

    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            server.limits, server.sessions = Limits(ping=5.0, max_idle=0.6), short_lived(server, 0.6)
            reader = await Reader(server).open()
            reading = asyncio.create_task(reader.read(30))
            await sent(server, reader.session_id, 30, 0.05)
            await reading
            assert reader.numbers == list(range(30))
            assert await server.sessions.use(reader.session_id)

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


def test_without_a_buffer_there_are_no_ids() -> None:
    async def test() -> None:
        server = MCPServer()
        opened = await server.open("2025-11-25")
        response = await server.listen(opened, "0000000000000007")  # ignored: a fresh live stream
        assert response.status_code == 200
        session = await server.find(opened.id)
        async with aclosing(server.follow(session, id_of(stream_of(session.id), 0), b"")) as stream:
            assert await anext(stream) == b""
            assert await anext(stream) == b": still here\n"
            await server.notify(opened.id, {"a": 1})
            assert await anext(stream) == b'event: message\ndata: {"a":1}\n\n'

    run(test)


# Servers that break a law, and the test that catches each.
class Gullible(MCPServer):
    """Takes what comes live for all that there is."""

    @staticmethod
    async def from_cursor(
        buffer: SSEReplayBuffer, session_id: str, cursor: str, events: list[Event] | None
    ) -> list[Event]:
        return await buffer.replay(session_id, cursor, 1000) if events is None else events


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
