"""The old era in lesson 13 is lesson 08, byte for byte."""

import pytest

from processes import ROOT


@pytest.mark.parametrize("name", ["event_store.py", "replay_buffer.py", "door.py", "server_side/running.py"])
def test_it_is_lesson_08(name: str) -> None:
    here, there = ROOT / "13_tasks" / name, ROOT / "08_notification_stream" / name
    assert here.read_bytes() == there.read_bytes()
