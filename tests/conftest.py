"""All tests run by default. What needs a Redis, an nginx or a Chromium is skipped where there is none.

With CI set nothing is left out: what would be skipped fails.
"""

import os
import re
import sys
from collections.abc import Generator
from itertools import islice

import pytest

import forked

LONG = re.compile(  # what takes a quarter of a minute or more, most of it waiting
    r"test_12_bench|test_12_gallery|a_lessons_server_keeps|the_checker_finds|they_have_the_answer|show_fails_when"
    r"|commands_show|basedpyright|nonsense_get|certificate|benchmarks|test_11_kills|runs_alone|on_a_terminal_of"
    r"|can_be_solved|kept_solution|only_looks_right|red_against|lesson_14"
)
ALL_MUST_RUN = bool(os.environ.get("CI")) and sys.platform == "linux"


def pytest_configure() -> None:
    """All processes of this pytest share the one that forks."""
    if forked.PARENT not in os.environ and hasattr(os, "pidfd_open"):
        forked.start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes early, so that nobody waits for it alone in the end.

    Each worker is first given a part of the list, with its share of what takes long: half of them begin with
    it, and the others have it later, so that not all of it is under way at once.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    long = [item for item in items if LONG.search(item.nodeid)]
    others = iter([item for item in items if not LONG.search(item.nodeid)])
    parts: list[pytest.Item] = []
    for number in range(workers):
        share = long[number::workers]
        size = max(0, (len(items) + number) // workers - len(share))  # as xdist's worksteal has it
        before = size // 4 * (number % 2)
        parts += [*islice(others, before), *share, *islice(others, size - before)]
    items[:] = [*parts, *others]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and ALL_MUST_RUN:
        report.outcome, report.longrepr = "failed", f"With CI set, nothing is left out: {report.longrepr}"
    return report
