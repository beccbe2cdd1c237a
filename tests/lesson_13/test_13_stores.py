"""What each store must do, in this process: memory, a file, and a real Redis."""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path

import pytest
from pydantic import JsonValue
from redis_13 import real_redis

from keeping.in_memory import InMemoryTaskStore
from keeping.limits import Limits
from keeping.on_redis import RedisTaskStore
from keeping.on_sqlite import SQLiteTaskStore
from task import FullError, Task
from task_store import TaskStore, change, found

LIMITS = Limits(max_tasks=4, max_owned=3, max_waiting=1)
Try = Callable[[TaskStore], Coroutine[None, None, None]]
Tried = Callable[[Try], None]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with real_redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis.url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def tried(request: pytest.FixtureRequest, tmp_path: Path) -> Tried:
    """Runs what is tried with a fresh store."""

    async def in_it(do: Try) -> None:
        store = made()
        async with store.running():
            if isinstance(store, RedisTaskStore):
                await store.forget_all()
            await do(store)

    def made() -> TaskStore:
        if request.param == "memory":
            return InMemoryTaskStore(LIMITS)
        if request.param == "sqlite":
            return SQLiteTaskStore(tmp_path / "tasks.db", LIMITS)
        return RedisTaskStore(request.getfixturevalue("redis_url"), LIMITS, 5.0)

    return lambda do: asyncio.run(in_it(do))


def begun(owner: str = "ada", call: str = "", ttl: float = 60.0) -> Task:
    return Task.begin("build_project", {"steps": 3}, ttl, owner, call)


def noted(step: int) -> Callable[[Task], bool]:
    return lambda task: task.note(step, f"line {step}", 10, 10_000)


def test_a_step_and_its_line_are_kept_together_and_once(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        task = await store.add(begun())
        for step in (1, 1, 2, 5, 2, 3):
            await change(store, task.id, noted(step), f"line {step}")
        assert await store.log(task.id, 0, 100) == ["line 1", "line 2", "line 3"]
        assert await store.log(task.id, 1, 1) == ["line 2"]
        assert (await found(store, task.id, "ada")).steps == 3

    tried(do)


def test_of_two_who_note_the_same_step_one_is_late(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        task = await store.add(begun())
        both = [await store.find(task.id), await store.find(task.id)]
        saved: list[bool] = []
        for one in both:
            assert one
            assert one.note(1, "line 1", 10, 10_000)
            saved.append(await store.save(one, "line 1"))
        assert saved == [True, False]
        assert await store.log(task.id, 0, 100) == ["line 1"]

    tried(do)


def test_a_task_is_taken_once_and_again_after_its_answer(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        task = await store.add(begun())
        assert [one.id for one in await store.take(10)] == [task.id]
        assert await store.take(10) == []
        await change(store, task.id, lambda now: now.ask("publish", {"message": "?"}, 10_000))
        assert await store.take(10) == []
        answer: dict[str, JsonValue] = {"publish": {"action": "accept"}}
        _, first = await change(store, task.id, lambda now: now.answer(answer, 10_000))
        _, second = await change(store, task.id, lambda now: now.answer(answer, 10_000))
        assert (first, second) == (True, False)
        assert [one.id for one in await store.take(10)] == [task.id]
        await change(store, task.id, lambda now: now.end("cancelled"))
        assert await store.take(10) == []

    tried(do)


def test_limits_are_said_and_a_share_stops_nobody_else(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        for _ in range(3):
            await store.add(begun())
        with pytest.raises(FullError, match="--max-owned"):
            await store.add(begun())
        eve = await store.add(begun("eve"))
        with pytest.raises(FullError, match="--max-tasks"):
            await store.add(begun("eve"))
        assert (await found(store, eve.id, "eve")).owner == "eve"

    tried(do)


def test_only_so_many_wait(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        one, two = await store.add(begun()), await store.add(begun())
        await change(store, one.id, lambda now: now.ask("publish", {}, 10_000))
        with pytest.raises(FullError, match="--max-waiting"):
            await change(store, two.id, lambda now: now.ask("publish", {}, 10_000))
        await change(store, one.id, lambda now: now.end("cancelled"))
        await change(store, two.id, lambda now: now.ask("publish", {}, 10_000))

    tried(do)


def test_a_call_that_is_sent_again_is_the_same_task(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        first, second = await store.add(begun(call="mine")), await store.add(begun(call="mine"))
        assert first.id == second.id
        assert (await store.add(begun("eve", call="mine"))).id != first.id, "a name is its owner's"

    tried(do)


def test_what_has_expired_is_gone_and_makes_room(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        for _ in range(3):
            await store.add(begun(ttl=0.1))
        task = begun(ttl=0.1)
        await asyncio.sleep(0.15)
        await store.purge()
        with pytest.raises(LookupError):
            await found(store, task.id, "ada")
        await store.add(begun())

    tried(do)


def test_who_watches_is_told_to_look(tried: Tried) -> None:
    async def do(store: TaskStore) -> None:
        task = await store.add(begun())
        with store.watch(task.id) as news:
            await asyncio.sleep(0)
            await change(store, task.id, noted(1), "line 1")
            async with asyncio.timeout(20):
                await news.wait()

    tried(do)


def test_a_file_is_one_servers(tmp_path: Path) -> None:
    first = SQLiteTaskStore(tmp_path / "tasks.db", LIMITS)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        SQLiteTaskStore(tmp_path / "tasks.db", LIMITS)
    asyncio.run(closed(first))
    again = SQLiteTaskStore(tmp_path / "tasks.db", LIMITS)
    asyncio.run(closed(again))


async def closed(store: TaskStore) -> None:
    async with store.running():
        pass


def test_a_lease_that_is_not_renewed_ends(redis_url: str) -> None:
    async def do() -> None:
        one, other = (RedisTaskStore(redis_url, LIMITS, 0.3) for _ in range(2))
        async with one.running(), other.running():
            await one.forget_all()
            task = await one.add(begun())
            assert await one.take(10)
            for _ in range(4):
                await one.renew([task.id])
                await asyncio.sleep(0.1)
                assert await other.take(10) == []
            await asyncio.sleep(0.35)
            assert [taken.id for taken in await other.take(10)] == [task.id]

    asyncio.run(do())


def test_a_key_stands_for_one_question() -> None:
    task = begun()
    assert task.ask("publish", {"message": "Publish?"}, 10_000)
    with pytest.raises(ValueError, match="another question"):
        task.ask("publish", {"message": "Delete?"}, 10_000)
