"""Law 8: whoever fills the queue, or sleeps in it, neither stops nor delays anybody else."""

import asyncio
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docket import Docket
from redis_11 import LESSON, real_redis
from wire_11 import Client, whole

from jobs.build import Build
from jobs.queue_limit import Queue
from processes import Server, serving
from starting.limits import Limits

SMALL = ("--max-session-queue", "6", "--max-queue", "9", "--max-jobs", "2", "--retry", "50", "--lease", "0.6")


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    folder: Path = tmp_path_factory.mktemp("storage")
    with ExitStack() as running:
        where = ("--storage", str(request.param), "--file", str(folder / "s.db"))
        if request.param == "redis":
            where = ("--redis", running.enter_context(real_redis(folder)).url, "--workers", "2")
        yield running.enter_context(serving(LESSON, *where, *SMALL))


def refused(client: Client, steps: int, interval: float, request_id: int) -> str:
    with client.begin(steps, interval, request_id) as told:
        assert told.status in (409, 429), told.read_all()
        return str(told.json()["error"]["message"])


@pytest.mark.parametrize("interval", [60.0, 0.2, 0.0], ids=["asleep", "napping", "busy"])
def test_a_session_at_its_limit_does_not_hold_up_another(server: Server, interval: float) -> None:
    """Three times as many builds as there are places: another's is done while none of them is over."""
    crowd, other = Client(server.port), Client(server.port)
    for request_id in range(1, 7):
        crowd.left(100_000, interval, request_id)
    assert refused(crowd, 1, 0, 8).startswith("This session has 6 jobs that are not over")
    with other.build(3, 0.05) as stream:
        stream.read_all()
        whole(stream.messages, 3)
    assert refused(crowd, 1, 0, 8).startswith("This session has 6 jobs that are not over")
    assert crowd.delete() == 204
    assert other.delete() == 204


def test_a_session_that_ends_takes_its_jobs_along(server: Server) -> None:
    """Then their places are free; a new session is not held up by what nobody will ever ask for."""
    for _ in range(3):
        client = Client(server.port)
        for request_id in range(1, 7):
            client.left(100_000, 60, request_id)
        assert client.delete() == 204


def test_an_id_is_used_for_one_call(server: Server) -> None:
    client = Client(server.port)
    client.left(3, 0.05)
    with client.build(3, 0.05) as stream:
        assert refused(client, 4, 0.05, 7).startswith("This id was used for another call")
        stream.read_all()
        whole(stream.messages, 3)
    assert refused(client, 4, 0.05, 7).startswith("This id was used for another call")
    for steps, request_id in ((3, 7), (1, 8)):
        with client.build(steps, 0.05 if steps == 3 else 0, request_id) as stream:
            stream.read_all()
            whole(stream.messages, steps, request_id)


def test_a_job_that_is_over_is_not_remembered_for_ever() -> None:
    """Its session lives on, with a build that is not over."""

    async def test() -> None:
        async with Docket(name="notes", url="memory://") as docket:
            queue, short, other = Queue(docket, Limits(max_idle=0.2)), Build(steps=1), Build(steps=2)
            await queue.enter("session", "at work", Build(steps=1000, interval=1))
            for job in ("old", "new"):
                await queue.enter("session", job, short)
                await asyncio.sleep(0.3)
                await queue.leave("session", job)
            assert not await queue.enter("session", "new", short), "over, and remembered"
            assert await queue.enter("session", "old", other), "forgotten, so it may be another call's id"

    asyncio.run(test())
