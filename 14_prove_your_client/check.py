"""Grades the exercise from outside: a server that replays what has come already, and two that do not."""

import plumbing.ctrl_c

import sys
from dataclasses import replace
from pathlib import Path

from cases.case import Script
from gallery import OF_SILENCE, PACE, in_here
from honest.lies import Lie
from judging.judge import CASES, Order, Report, examine, played
from judging.play import Play
from judging.streams import Event, event, notice
from judging.verdicts import Outcome
from judging.wire import Cut
from plumbing.grade import Grade
from plumbing.stage import Screen, Stage

STAGE = Stage(Path(__file__).parent, Screen(highlight=False), "check")
SILENCE = 10.0  # seconds; only what hangs uses them up
STILL = ("an uncut call", "a drop in the middle", "cut again after an event", "two calls in flight")


async def too_much_is_replayed(play: Play) -> None:
    """After the cut two events come once more, with the ids that they had."""
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say(3)
    await call.cut(Cut.END)
    asked, place = await play.resumption(call)
    await asked.open()
    await call.carry(asked, place - 2)
    await call.say()
    await call.respond()


async def two_with_the_same_text(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    await call.say()
    await call.add(notice(f"message {call.texts[0]}"))
    call.texts.append(call.texts[0])
    await play.cut_and_wait(call, Cut.END)
    await call.respond()


async def two_without_an_id(play: Play) -> None:
    call = await play.call()
    await call.prime(play.ms(40))
    for _ in range(2):
        await call.put(Event(None, event(notice(f"message {call.nonce}-1"))))
        call.texts.append(f"{call.nonce}-1")
    await call.respond()


async def handled(script: Script) -> tuple[list[str], list[str]]:
    """What the handlers were to get, and what they got."""
    case = replace(CASES[1], script=script)
    play = await played(in_here(Lie.NONE), Order(1, [case], time_limit=SILENCE, pace=PACE), case, 1)
    output = play.running.output if play.running else ""
    if not play.streams:
        return ["a call"], []
    nonce = f"{play.streams[0].nonce}-"
    return play.streams[0].texts, [word for word in output.split() if word.startswith(nonce)]


def numbers(texts: list[str]) -> str:
    return ", ".join(text.rpartition("-")[2] for text in texts) or "nothing"


async def grade() -> int:
    grade = Grade(STAGE)
    cases = [case for case in CASES if case.name in STILL]
    report = Report("client.py", 1, "")
    order = Order(1, cases, time_limit=SILENCE, pace=PACE, twice=OF_SILENCE)
    await examine(in_here(Lie.NONE), order, report, lambda: None)
    lost = [result.case.name for result in report.results if result.outcome is not Outcome.HOLDS]
    why = f"Run `uv run server.py --case {(lost or ['NAME'])[0].replace(' ', '-')}`, and the client."
    grade.holds(not lost, "the client still resumes, with the newest id of each stream", why)
    for script, what, hint in (
        (
            too_much_is_replayed,
            "what is replayed with an id that has come is not handled again",
            "In `honest/event_source.py`, remember the ids of the events that were handed out.",
        ),
        (
            two_with_the_same_text,
            "two events with the same text are two messages",
            "Only the id says whether it is the same event: a text may come twice.",
        ),
        (
            two_without_an_id,
            "events without an id are all handled",
            "Without an id nothing can be known to be the same: hand it out.",
        ),
    ):
        due, got = await handled(script)
        grade.holds(due == got, what, f"{hint} Due were {numbers(due)}; handled were {numbers(got)}.")
    return grade.verdict()


if __name__ == "__main__":
    sys.exit(STAGE.perform(grade()))

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
