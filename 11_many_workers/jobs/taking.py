"""Whether the engine still takes tasks: one that has lost Redis waits until all its turns have ended."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import ClassVar
from weakref import WeakKeyDictionary

from docket import Docket, Worker
from docket.dependencies import Dependency, current_worker


class Taking(Dependency["Taking"]):
    """Given to each turn; `over` as soon as turns are to end."""

    _of: ClassVar[WeakKeyDictionary[Worker, "Taking"]] = WeakKeyDictionary()
    over = False

    @classmethod
    @asynccontextmanager
    async def worker_lifecycle(cls, _docket: Docket, worker: Worker) -> AsyncGenerator[None]:
        """The engine leaves this before it waits."""
        taking = cls._of[worker] = cls()
        try:
            yield
        finally:
            taking.over = True

    async def __aenter__(self) -> "Taking":
        return self._of[current_worker.get()]
