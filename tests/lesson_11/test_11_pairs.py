"""Any buffer with any broker: the same laws for all six pairs, on a real Redis."""

import asyncio
import random
from contextlib import aclosing
from pathlib import Path

import pytest
from broken_11 import broken
from pairs_11 import PAIRS, Reader, found_in, opened_in, pair, run, sent

from answering.streams import listen
from in_memory.sessions import InMemorySessions
from jobs.steps import Step
from on_redis.own_server import RedisServer
from on_redis.sessions import RedisSessions
from replay_buffer import Event, NotIssuedError, id_of, stream_of
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
            await server.end(await found_in(server, reader.session_id))
            await asyncio.wait_for(again, PATIENCE)
            assert (reader.numbers, second.numbers) == ([], [7])

    run(test)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_nothing_is_kept_for_a_session_that_has_ended(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    """Law 8: neither a message nor a step, be there events of before or none."""

    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            buffer = server.buffer
            for before in (0, 3):
                session = await opened_in(server)
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


async def open_while_it_stops(server: MCPServer, patience: float) -> None:
    reader = await Reader(server).open()
    session = await found_in(server, reader.session_id)
    server.close()
    async with asyncio.timeout(patience):
        assert [part async for part in server.follow(session, reader.cursor, b"opening")] == [b"opening"]


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
def test_a_stream_that_is_opened_while_the_worker_stops_ends_at_once(
    kinds: tuple[str, str], redis: RedisServer, tmp_path: Path
) -> None:
    async def test() -> None:
        async with pair(kinds, redis, tmp_path) as server:
            await open_while_it_stops(server, PATIENCE)

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


def test_without_a_buffer_there_are_no_ids() -> None:
    async def test() -> None:
        server = MCPServer()
        opened = await opened_in(server)
        response = await listen(server, opened, "0000000000000007")  # ignored: a fresh live stream
        assert response.status_code == 200
        session = await found_in(server, opened.id)
        async with aclosing(server.follow(session, id_of(stream_of(session.id), 0), b"")) as stream:
            assert await anext(stream) == b""
            assert await anext(stream) == b": still here\n"
            await server.notify(opened.id, {"a": 1})
            assert await anext(stream) == b'event: message\ndata: {"a":1}\n\n'

    run(test)


# Servers that break a law, and the test that catches each.
class Gullible(MCPServer):
    """Takes what comes live for all that there is."""

    async def from_cursor(self, session_id: str, cursor: str, live: list[Event] | None) -> list[Event]:
        return await self.buffer.replay(session_id, cursor, 1000) if live is None else live


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
            await bad.buffer.record(reader.session_id, "0")  # fan-out has lost it
            await bad.notify(reader.session_id, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reading, 1)
            assert reader.numbers == [1], "lost"

    run(test)


def test_a_server_that_opens_streams_while_it_stops_is_caught() -> None:
    async def test() -> None:
        bad = broken(MCPServer, ("while not (over or self.closed)", "while not over"))
        with pytest.raises(TimeoutError):
            await open_while_it_stops(bad(), 1)

    run(test)
