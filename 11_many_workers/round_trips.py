"""Many questions in one round trip: what is asked while a trip is under way goes together with the next.

trip  one write of all that waits, and the answers, in order; a trip that fails fails for all in it
"""

# pyright: reportUnknownMemberType=false
# (redis-py is typed in part)

import asyncio
import math
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError, ResponseError

Question = tuple[str | int | float, ...]
Answer = bytes | int | list[bytes | None] | None


class RoundTrips:
    """One connection of the client, kept. Nothing is asked twice: what was not answered may be done."""

    def __init__(self, client: Redis) -> None:
        self._pool = client.connection_pool
        self._connection: AbstractConnection | None = None
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._under_way: asyncio.Task[None] | None = None

    def ask(self, *question: str | int | float) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._under_way is None:
            self._under_way = asyncio.create_task(self._travel())
        return answer

    async def _travel(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                try:
                    await self._trip(together)
                except (RedisError, OSError, TimeoutError) as error:
                    if self._connection:
                        await self._connection.disconnect(nowait=True)
                    for _, answer in together:
                        if not answer.done():
                            answer.set_exception(error)
        finally:
            self._under_way = None

    async def _trip(self, together: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        connection = self._connection = self._connection or await self._pool.get_connection()
        if connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)  # closed by Redis since the last trip
        async with asyncio.timeout(connection.socket_timeout):
            questions = connection.pack_commands(question for question, _ in together)
            await connection.send_packed_command(questions)
            for _, answer in together:
                try:
                    found = cast("Answer", await connection.read_response(timeout=math.inf))
                except ResponseError as error:
                    if not answer.done():
                        answer.set_exception(error)
                else:
                    if not answer.done():  # who asked may have been cancelled
                        answer.set_result(found)
