"""All tests run by default. What needs a Redis, an nginx or a Chromium is skipped where there is none.

With CI set nothing is left out: what would be skipped fails.
"""

import os
import re
import sys
from collections.abc import Generator

import pytest

import forked

LONG = re.compile(r"test_12_gallery|basedpyright|names_what_is_broken|keeps_the_laws|test_the_inspector")
ALL_MUST_RUN = bool(os.environ.get("CI")) and sys.platform == "linux"


def pytest_configure() -> None:
    """All processes of this pytest share the one that forks."""
    if forked.PARENT not in os.environ and hasattr(os, "pidfd_open"):
        forked.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that nobody waits for it alone in the end."""
    items.sort(key=lambda item: not LONG.search(item.nodeid))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and ALL_MUST_RUN:
        report.outcome, report.longrepr = "failed", f"With CI set, nothing is left out: {report.longrepr}"
    return report
