"""How many jobs there may be (law 8). A call beyond that is refused, and begins nothing.

queue  the jobs that are not over: at work, waiting for their turn, or to be tried again
"""

import asyncio

from docket import Docket

from door import Refusal
from limits import Limits


async def refuse_if_full(docket: Docket, first_turn: str, limits: Limits) -> None:
    """A job whose first turn the engine remembers is let through: its call was only sent again.

    Each job is one task of the engine's, two for the moment between two turns. Calls that come in the same
    moment are counted in the same moment: there may be a few more than said.
    """
    async with asyncio.timeout(limits.patience):  # the engine itself would wait for ever
        async with docket.redis() as redis, redis.pipeline() as asked:
            asked.xlen(docket.stream_key)
            asked.zcard(docket.queue_key)
            jobs = sum(await asked.execute())
        if jobs >= limits.max_queue and await docket.get_execution(first_turn) is None:
            raise Refusal(429, f"There are {jobs} jobs in the queue: try later, with the same id.")
