"""Any buffer: what it keeps, what it refuses, and what it gives back."""

import asyncio
import random
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from pairs_11 import BUFFERS, opened_in, run

from in_memory.replay_buffer import InMemorySSEReplayBuffer
from in_memory.sessions import InMemorySessions
from jobs.counted_steps import with_steps
from jobs.steps import Step
from on_redis.own_server import RedisServer
from on_sqlite.replay_buffer import SQLiteSSEReplayBuffer
from on_sqlite.sessions import SQLiteSessions
from replay_buffer import Event, EvictedError, NotIssuedError, SSEReplayBuffer, id_of, stream_of
from server import MCPServer
from starting.limits import Limits


@pytest.mark.parametrize("kind", BUFFERS)
@pytest.mark.parametrize("most", [1, 50, 1000])
def test_the_buffer_is_a_list_of_the_newest(kind: str, most: int, redis: RedisServer, tmp_path: Path) -> None:
    """Law 7, however roughly a storage trims: what follows an id is there whole, or it is refused."""

    async def test() -> None:
        dice = random.Random(most)  # noqa: S311 (the same each time)
        async with BUFFERS[kind](redis, tmp_path, Limits(max_events=most)) as buffer:
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
        async with BUFFERS[kind](redis, tmp_path, Limits()) as buffer:
            session_id = f"steps-{kind}-{random.random()}"  # noqa: S311
            job = stream_of(session_id, "job")

            async def work() -> None:
                while (done := await buffer.steps_done(session_id, job)) < 50:
                    await buffer.record_step(session_id, str(done + 1), Step(job, done + 1))

            await asyncio.gather(*(work() for _ in range(5)))
            events = await buffer.replay(session_id, id_of(job, 0))
            assert [int(event.message) for event in events] == list(range(1, 51))
            for late in (1, 49, 50, 52):
                assert await buffer.record_step(session_id, "x", Step(job, late)) is None

    run(test)


@pytest.mark.parametrize("kind", BUFFERS)
def test_streams_of_a_session_keep_to_themselves(kind: str, redis: RedisServer, tmp_path: Path) -> None:
    """Law 4, and law 8: of calls that are over the newest are kept; an id of an older one was evicted."""

    async def test() -> None:
        three_calls = Limits(max_session_events=12)
        async with BUFFERS[kind](redis, tmp_path, three_calls) as buffer:
            session_id = f"streams-{kind}-{random.random()}"  # noqa: S311
            calls = [stream_of(session_id, call) for call in (1, "1", 2, "a", "")]
            assert len({stream_of(session_id), *calls}) == 6
            for number in (1, 2, 3):
                assert await buffer.record(session_id, f"standing {number}")
                for call in calls:
                    assert await buffer.record_step(session_id, f"{call} {number}", Step(call, number))
            under_way, *over = calls
            for call in over:
                assert await buffer.record_step(session_id, f"{call} 4", Step(call, 4, last=True))
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
            gone = await opened_in(server)
            await server.notify(gone.id, 1)
            assert await buffer.replay(gone.id, None)
            await asyncio.sleep(0.1)
            assert await sessions.use(gone.id) is None
            await opened_in(server)
            assert not await buffer.replay(gone.id, None)

    run(test)


def test_a_buffer_of_three_methods_that_outlives_the_process_is_counted_on() -> None:
    async def test() -> None:
        kept, call = InMemorySSEReplayBuffer(), stream_of("session", 1)
        before, after = with_steps(kept, Limits()), with_steps(kept, Limits())
        for number in (1, 2, 3):
            assert await before.record_step("session", str(number), Step(call, number))
        assert await after.steps_done("session", call) == 3
        assert await after.record_step("session", "3", Step(call, 3)) is None
        assert await after.record_step("session", "4", Step(call, 4)) == (id_of(call, 4), "4")
        events = await after.replay("session", id_of(call, 0))
        assert [event.message for event in events] == ["1", "2", "3", "4"]

    run(test)


class Mistaken(InMemorySSEReplayBuffer):
    async def record(self, session_id: str, message: str) -> Event:
        raise KeyError("a mistake")


def test_a_mistake_in_a_buffer_of_ones_own_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        with pytest.raises(KeyError):
            await with_steps(Mistaken(), Limits()).record("session", "message")

    run(test)
    assert "Mistaken failed" in caplog.text
    assert "a mistake" in caplog.text
