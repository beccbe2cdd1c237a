"""Which tests take long: those of lessons 08 to 11, benchmarks, broken edits. They run with `-m slow`."""

import re

import pytest

SLOW = re.compile(r"/test_(08|09|10|11)_|/test_benchmarks|break_it|/test_readmes.*\[(08|09|10|11)_")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW.search(item.nodeid):
            item.add_marker("slow")
