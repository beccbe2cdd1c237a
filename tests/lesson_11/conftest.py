"""These tests import the lesson's own modules; all others meet a lesson as a process."""

import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "11_many_workers")]
