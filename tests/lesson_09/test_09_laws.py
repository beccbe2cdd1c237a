"""Lesson 09 keeps the laws, and a server that breaks one is caught."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from broken_09 import BROKEN, LESSON
from laws_09 import (
    LAWS,
    law_3_a_hundred_cuts_of_a_live_tail,
    law_4_own_stream_own_session,
    law_5_a_cut_is_not_a_cancel,
    law_5_runs_once,
    law_6_it_ends,
    law_7_evicted_by_age,
    law_7_evicted_by_number,
)

from processes import Server, serving
from wire import ENOUGH
from workshop.breaks import edited

ROOM = ("--retry", "10", "--ping", "60")
SMALL = (*ROOM, "--max-events", "40")
YOUNG = (*ROOM, "--max-age", "1")

CAUGHT = {
    "lost in the seam": (law_3_a_hundred_cuts_of_a_live_tail, ROOM, "lost"),
    "one stream for all calls": (law_4_own_stream_own_session, ROOM, "hung"),
    "ids that are the same in each session": (law_4_own_stream_own_session, ROOM, "foreign-session"),
    "cancels the build when the connection is cut": (law_5_a_cut_is_not_a_cancel, ROOM, "hung"),
    "begins the build anew at each call": (law_5_runs_once, ROOM, "ran-twice"),
    "never ends a stream": (law_6_it_ends, ROOM, "hung"),
    "forgets that an id was issued": (law_7_evicted_by_number, SMALL, "silent"),
    "replays from the oldest that is kept": (law_7_evicted_by_number, SMALL, "silent"),
    "waits for a reader or a record to evict by age": (law_7_evicted_by_age, YOUNG, "silent"),
}


@pytest.fixture(scope="module")
def small() -> Generator[Server]:
    with serving(LESSON, *SMALL) as server:
        yield server


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_lesson_keeps(law: Callable[[int], None], small: Server) -> None:
    law(small.port)


@pytest.mark.parametrize(
    ("law", "flags"),
    [(law_3_a_hundred_cuts_of_a_live_tail, ROOM), (law_7_evicted_by_age, YOUNG)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_lesson_keeps_with_more_room(law: Callable[[int], None], flags: tuple[str, ...]) -> None:
    with serving(LESSON, *flags) as server:
        law(server.port)


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_is_caught_that(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    law, flags, verdict = CAUGHT[name]
    if verdict == "hung":
        monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    with (
        serving(edited(LESSON, tmp_path, *BROKEN[name]), *flags) as server,
        pytest.raises(AssertionError) as caught,
    ):
        for _ in range(5):  # a seam is narrow, and a busy machine may pass it by
            law(server.port)
    assert verdict in str(caught.value)
