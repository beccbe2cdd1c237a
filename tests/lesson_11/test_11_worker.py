"""A job that two workers have: each step once, and whoever of them dies."""

import asyncio
import json
from pathlib import Path

from pairs_11 import opened_in
from redis_11 import real_redis

from jobs.build import Build
from jobs.steps import Step
from replay_buffer import Event, id_of
from server import MCPServer
from starting.limits import Limits, Settings
from starting.storage import opened
from worker import told, working

STEPS = 6


def test_a_job_goes_on_although_the_other_worker_at_it_dies(tmp_path: Path) -> None:
    """The engine gives a turn to another worker where it takes the first for dead: then both are at the job.

    Here the other one does a single step, and is never heard of again.
    """

    async def test(redis: str) -> list[Event]:
        limits = Limits(lease=0.4)
        async with opened(Settings(limits, "redis", redis)) as storage:
            server = MCPServer(
                sse_broker=storage.broker,
                sse_replay_buffer=storage.buffer,
                sessions=storage.sessions,
                limits=limits,
            )
            session = await opened_in(server)
            async with working(storage, server, limits) as work:
                call = await work.begin(session.id, 1, Build(steps=STEPS, interval=1.0))

                async def until(messages: int) -> None:
                    async with asyncio.timeout(20):
                        while await storage.buffer.steps_done(session.id, call) < messages:  # noqa: ASYNC110
                            await asyncio.sleep(0.02)

                await until(2)
                assert await server.send(session.id, told(1, 2, STEPS), Step(call, 3))
                await until(STEPS + 2)
            return await storage.buffer.replay(session.id, id_of(call, 0))

    with real_redis(tmp_path) as redis:
        events = asyncio.run(test(redis.url))
    *steps, answer = [json.loads(event.message) for event in events]
    assert [step["params"]["data"]["number"] for step in steps] == [*range(STEPS + 1)]
    assert answer["result"]
