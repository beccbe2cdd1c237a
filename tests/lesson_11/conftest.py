"""These tests import the lesson's own modules; all others meet a lesson as a process."""

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from on_redis.own_server import RedisServer

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "11_many_workers")]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> "Generator[RedisServer]":
    from redis_11 import real_redis

    with real_redis(tmp_path_factory.mktemp("redis"), "--appendfsync", "no") as server:
        yield server
