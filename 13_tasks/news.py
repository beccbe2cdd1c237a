"""Who waits for news of a task is told to look, and reads the store: so no news can be lost."""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager, suppress


class Look:
    """Something has changed since you looked last, once or many times."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def tell(self) -> None:
        self._changed.set()

    async def wait(self, patience: float | None = None) -> None:
        """Until there is news, or patience has run out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._changed.wait()
        self._changed.clear()


class News:
    def __init__(self) -> None:
        self._watching: defaultdict[str, set[Look]] = defaultdict(set)

    def tell(self, task_id: str) -> None:
        for look in self._watching.get(task_id, ()):
            look.tell()

    def tell_all(self) -> None:
        """Nobody knows what was missed."""
        for task_id in list(self._watching):
            self.tell(task_id)

    @contextmanager
    def watch(self, *task_ids: str) -> Generator[Look]:
        look = Look()
        for task_id in task_ids:
            self._watching[task_id].add(look)
        try:
            yield look
        finally:
            for task_id in task_ids:
                self._watching[task_id].discard(look)
                if not self._watching[task_id]:
                    del self._watching[task_id]
