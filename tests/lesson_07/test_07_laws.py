"""Lesson 07 keeps the laws, and a server that breaks one is caught."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from broken_07 import BROKEN, LESSON
from laws_07 import (
    LAWS,
    law_2_cut_at_every_byte,
    law_2_nothing_missed,
    law_3_a_hundred_cuts_of_a_live_tail,
    law_4_two_sessions,
    law_5_a_cut_is_not_a_cancel,
    law_6_it_ends,
    law_7_said_aloud,
)

from processes import Server, serving
from wire import ENOUGH
from workshop.breaks import edited

ROOM = ("--max-events", "20000", "--retry", "10")

CAUGHT = {
    "lost in the seam": (law_3_a_hundred_cuts_of_a_live_tail, "lost"),
    "crosses sessions": (law_4_two_sessions, "foreign-session"),
    "empty 200 for an unknown id": (law_7_said_aloud, "silent"),
    "forgets the final id": (law_2_nothing_missed, "lost"),
    "sends the final message without an id": (law_2_cut_at_every_byte, "hung"),
    "counts ids from one too low": (law_2_cut_at_every_byte, "doubled"),
    "compares ids as text": (law_7_said_aloud, "silent"),
    "cancels the tool when the connection is cut": (law_5_a_cut_is_not_a_cancel, "hung"),
    "leaves the stream open after the session": (law_6_it_ends, "hung"),
}


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, *ROOM) as server:
        yield server


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_lesson_keeps(law: Callable[[int], None], server: Server) -> None:
    law(server.port)


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_is_caught_that(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    law, verdict = CAUGHT[name]
    if verdict == "hung":
        monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    with (
        serving(edited(LESSON, tmp_path, *BROKEN[name]), *ROOM) as server,
        pytest.raises(AssertionError) as caught,
    ):
        for _ in range(5):  # a seam is narrow, and a busy machine may pass it by
            law(server.port)
    assert verdict in str(caught.value)
