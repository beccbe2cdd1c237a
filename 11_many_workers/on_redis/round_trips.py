"""Many questions in one round trip: what is asked while a trip is under way goes together with the next.

trip  one write of all questions, and their answers, in order; a trip that fails fails for all in it,
      and ends the connection: no answer of it is left for the next one
"""

# pyright: reportUnknownMemberType=false
# (redis-py is typed in part)

import asyncio
import math
from collections.abc import Sequence
from itertools import islice
from typing import cast

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

Question = tuple[str | int | float, ...]
Answer = bytes | int | list[bytes | None] | None


class RoundTrips:
    """One connection of the client, kept. Nothing is asked twice: what was not answered may be done."""

    def __init__(self, client: Redis) -> None:
        self._pool = client.connection_pool
        self._connection: AbstractConnection | None = None
        self._patience: float | None = None
        self._waiting: list[tuple[Sequence[Question], asyncio.Future[list[Answer]]]] = []
        self._under_way = False
        self._travelling: asyncio.Task[None] | None = None

    async def ask(self, *questions: Question) -> list[Answer]:
        """Who finds nobody under way goes at once, and alone: whoever is cancelled then fails nobody else."""
        if self._under_way:
            answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
            self._waiting.append((questions, answers))
            return await answers
        self._under_way = True
        try:
            return good(await self._trip(questions))
        finally:
            self._go_on()

    def _go_on(self) -> None:
        self._under_way = bool(self._waiting)
        if self._waiting:
            self._travelling = asyncio.create_task(self._travel())

    async def _travel(self) -> None:
        together, self._waiting = self._waiting, []
        try:
            found = iter(await self._trip([each for questions, _ in together for each in questions]))
            for questions, answers in together:
                own = list(islice(found, len(questions)))
                if answers.done():
                    continue  # who asked was cancelled
                try:
                    answers.set_result(good(own))
                except ResponseError as error:
                    answers.set_exception(error)
        except Exception as error:  # noqa: BLE001 (all who asked are told, whatever it was)
            for _, answers in together:
                if not answers.done():
                    answers.set_exception(error)
        finally:
            for _, answers in together:
                answers.cancel()  # whoever has no answer by now gets none
            self._go_on()

    async def _connect(self) -> AbstractConnection:
        """Its patience is for a whole trip from now on: redis-py would start a task for each write."""
        connection = self._connection = await self._pool.get_connection()
        self._patience, connection.socket_timeout = connection.socket_timeout, None
        return connection

    async def _trip(self, questions: Sequence[Question]) -> list[Answer | ResponseError]:
        connection = self._connection or await self._connect()
        if connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)  # closed by Redis since the last trip
        try:
            async with asyncio.timeout(self._patience):
                await connection.send_packed_command(connection.pack_commands(questions))
                return [await answer(connection) for _ in questions]
        except BaseException:  # also who is cancelled: what is still to come must not answer the next trip
            await connection.disconnect(nowait=True)
            raise


async def answer(connection: AbstractConnection) -> Answer | ResponseError:
    try:
        return cast("Answer", await connection.read_response(timeout=math.inf, disconnect_on_error=False))
    except ResponseError as error:
        return error  # of this question; the next one has an answer of its own


def good(answers: list[Answer | ResponseError]) -> list[Answer]:
    for found in answers:
        if isinstance(found, ResponseError):
            raise found
    return cast("list[Answer]", answers)
