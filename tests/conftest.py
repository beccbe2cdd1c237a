"""Which tests take long: those of lessons 08 to 11, benchmarks, broken edits. They run with `-m slow`.

With CI set nothing is left out: what would be skipped, for want of a Redis, an nginx or a Chromium, fails.
"""

import os
import re
import sys
from collections.abc import Generator

import pytest

SLOW = re.compile(r"/test_(08|09|10|11)_|/test_benchmarks|break_it|/test_readmes.*\[(08|09|10|11)_")
ALL_MUST_RUN = bool(os.environ.get("CI")) and sys.platform == "linux"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW.search(item.nodeid):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and ALL_MUST_RUN:
        report.outcome, report.longrepr = "failed", f"With CI set, nothing is left out: {report.longrepr}"
    return report
