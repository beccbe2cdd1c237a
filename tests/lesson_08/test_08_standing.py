"""Lesson 08's standing stream, when what nobody was there for is no longer kept."""

from pathlib import Path

import pytest
from broken_08 import LESSON
from wire_08 import Session, read_events, read_to_the_end

from processes import serving
from workshop.breaks import Edit, edited

FEW = ("--max-events", "5")


def listen_after_an_eviction(folder: Path) -> None:
    with serving(folder, *FEW) as server:
        session = Session(server.port)
        with session.call(1, 0) as called:
            read_to_the_end(called)
        with session.call(9, 0, request_id=3) as called:
            read_to_the_end(called)  # the standing stream's first is evicted by it, and one more comes there
        with session.listen() as standing:
            found = read_events(standing, 2)
            assert [event.said["number"] for event in found[1:]] == [9], "deaf: the stream has ended"
            with session.listen(f"{found[0].id.rpartition('-')[0]}-0") as late:
                assert late.status == 410


def test_a_new_listener_begins_with_what_is_kept() -> None:
    listen_after_an_eviction(LESSON)


def test_else_it_is_deaf_for_ever(tmp_path: Path) -> None:
    edit = Edit("door.py", "max(standing.read_until, standing.evicted)", "standing.read_until")
    with pytest.raises(AssertionError, match="deaf"):
        listen_after_an_eviction(edited(LESSON, tmp_path, edit))
