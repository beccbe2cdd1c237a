"""The table that lives on a terminal: a call that is under way has lost nothing yet."""

import re
import sys
from pathlib import Path

from broken_08 import LESSON

from processes import serving
from test_terminal import terminal
from workshop.breaks import Edit, edited


def shown(lesson: Path) -> str:
    """All that the table has ever said while a client ran."""
    command = (sys.executable, "client.py", "--callers", "1", "--interval", "0.02", "--url")
    with serving(LESSON, "--retry", "100") as server, terminal((*command, server.url), lesson) as there:
        assert there.finish() == 0, there.text
        return "\n".join(there.lines)


def test_a_call_that_is_under_way_has_lost_nothing() -> None:
    table = shown(LESSON)
    assert "under way" in table
    assert not re.search(r"lost \d", table), table


def test_a_table_that_speaks_too_soon_is_caught(tmp_path: Path) -> None:
    hasty = Edit("client_side/board.py", "elif self._is_over:", "elif wrong:")
    assert "lost 20" in shown(edited(LESSON, tmp_path, hasty))
