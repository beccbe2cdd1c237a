"""Lesson 08 keeps the laws, and the SDK's plain way breaks those that it leaves to its user."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from broken_08 import LESSON, plain_copy
from laws_08 import (
    LAWS,
    ROOM,
    law_3_a_replay_while_events_come,
    law_3_cut_again_and_again,
    law_4_sessions_with_the_same_ids,
    law_6_it_ends,
    law_7_said_aloud,
)

from processes import Server, serving
from wire import ENOUGH


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    with serving(LESSON, *ROOM) as server:
        yield server


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_the_lesson_keeps(law: Callable[[int], None], server: Server) -> None:
    law(server.port)


# What each is caught with, in the order of the facts about `mcp` 2.3.
FACTS = (
    (law_4_sessions_with_the_same_ids, "foreign-session"),
    (law_3_cut_again_and_again, "lost"),
    (law_6_it_ends, "endless"),
    (law_7_said_aloud, "silent"),
    (law_3_a_replay_while_events_come, "deque mutated during iteration"),
)


@pytest.mark.parametrize(("law", "verdict"), FACTS, ids=lambda value: getattr(value, "__name__", None))
def test_the_plain_way_is_caught(
    law: Callable[[int], None], verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if verdict == "endless":
        monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    disturbed = verdict.startswith("deque")
    plain = Server(plain_copy(tmp_path, careful=not disturbed), *ROOM)
    try:
        with pytest.raises(AssertionError) as caught:
            for _ in range(5):  # a seam is narrow, and a busy machine may pass it by
                law(plain.port)
    finally:
        plain.stop()
    assert verdict in (plain.output if disturbed else str(caught.value)), f"{caught.value}\n{plain.output}"
