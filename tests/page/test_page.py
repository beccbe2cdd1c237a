"""The page in a real Chromium: a live run, a reload, a broken run beside it; and a saved file in the hand."""

import asyncio
import json
import re
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

from chromium import Tab, program, tab
from processes import ROOT, speaking
from workshop.wire.conversation import Conversation, Seen
from workshop.wire.proxy import Proxy
from workshop.wire.record import Record
from workshop.wire.saved import as_page
from workshop.wire.serving import served

pytestmark = pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine")
LESSON = ROOT / "07_advanced_stream_resumption"
FIRST = "wire.views.get(0)"
ROWS = f"{FIRST}.run.rows"
WIDE = "document.documentElement.scrollWidth <= innerWidth && document.body.scrollHeight <= innerHeight"
EVIL = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def press(page: Tab, *keys: str) -> None:
    for key in keys:
        page.ask("Input.dispatchKeyEvent", type="keyDown", key=key)
        page.ask("Input.dispatchKeyEvent", type="keyUp", key=key)


def resize(page: Tab, width: int, height: int) -> None:
    page.ask(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )


def styles(page: Tab) -> list[str]:
    return page.value(f"{ROWS}.map(row => row.style.split(' ')[0])")


def test_a_live_run_a_reload_in_the_middle_and_a_broken_run_beside_it(tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in LESSON.rglob("*.py")}
    saved = tmp_path / "run.html"
    command = (sys.executable, "-m", "workshop", "07", "--page", "--save", str(saved))
    flags = ("--", "--interval", "0.15", "--away", "0.8")
    with speaking(ROOT, *command, *flags) as workshop:
        url = workshop.wait_for(r"^page +(http://\S+)$")[1]
        with tab(url) as page:
            workshop.wait_for("live +1 of 10")
            page.wait_for(f"globalThis.wire?.views.has(0) && {ROWS}.some(row => row.style === 'live')")
            page.ask("Page.reload")  # in the middle, and nothing is missing afterwards
            page.wait_for("document.getElementById('verdict').textContent.includes('proven 10 of 10')")
            workshop.wait_for("^saved")
            page.wait_for("document.getElementById('state').textContent === 'the run is over'")
            facts = re.search(r'id="record">(.*?)</script>', saved.read_text(encoding="utf-8"))
            assert facts
            assert page.value("wire.next") == len(json.loads(facts[1])) + 1

            seen = styles(page)
            assert seen.count("priming") == 1
            assert seen.count("live") + seen.count("replayed") == 10
            missed = seen.count("replayed")
            assert missed >= 1
            assert "cut" in seen[: seen.index("replayed")]
            assert page.value("document.querySelectorAll('.back').length") == 1  # the arrow to the event
            named = page.value(f"{ROWS}[{FIRST}.run.backs[0].event].id")
            assert page.value(f"{ROWS}[{FIRST}.run.backs[0].get].id") == named
            assert page.value(f"{FIRST}.run.away[0].count") == missed
            assert page.value("document.querySelectorAll('.space .mark.ghost').length") >= 1
            assert f"the server keeps {missed}" in page.value(
                "document.querySelector('.gap.away').textContent"
            )
            assert page.value("document.querySelector('#note h2').textContent") == "Nothing was lost"

            assert page.value(f"{FIRST}.run.notes.map(note => note.step)") == list(range(8))  # each once

            page.click("#breaks [data-row='2']")  # go on with what comes now
            page.wait_for("wire.views.get(1)?.run.verdict?.text.includes('the client says')")
            assert page.value("document.querySelectorAll('.run:not([hidden])').length") == 2
            assert styles(page)[: len(seen)] == seen
            assert page.value(WIDE)
            assert not page.trouble
    assert before == {file: file.read_bytes() for file in LESSON.rglob("*.py")}
    assert "Traceback" not in workshop.output


class Growing:
    """A record that a test lets grow, behind a line that it can cut."""

    def __init__(self) -> None:
        self.record, self.url = Record(), ""
        self._loop = asyncio.new_event_loop()
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._seen = Seen()

    async def _break_it(self, _row: int) -> None:
        return None

    async def _serve(self) -> None:
        async with served(self.record, self._break_it) as url:
            unread = Record()
            port = int(url.rstrip("/").rpartition(":")[2])
            line = Proxy("127.0.0.1", port, lambda: Conversation(unread, 0, self._seen), lambda: None)
            await line.listen()
            self._line, self.url = line, f"http://127.0.0.1:{line.port}/"
            self._ready.set()
            await self._end.wait()
            line.close()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self.run)
        thread.start()
        self._ready.wait()
        return thread

    def call(self, act: str, *events: int) -> None:
        """In the loop's own thread."""
        done = threading.Event()

        def do() -> None:
            if act == "cut":
                for through in list(self._line.open):
                    through.client.reset()
            elif act == "end":
                self._end.set()
            else:
                begin(self.record) if not self.record.facts else None
                grow(self.record, events[0])
            done.set()

        self._loop.call_soon_threadsafe(do)
        done.wait()


def begin(record: Record) -> None:
    step: JsonValue = {"when": {"kind": "event"}, "title": EVIL, "text": EVIL}
    record.add(0, "lesson", title=EVIL, number="07", notes=[step], breaks=[{"title": EVIL, "laws": [1]}])
    record.add(0, "program", p=1, whose="server", side="server", arguments=["server.py"])
    record.add(0, "program", p=2, whose="client", side="client", arguments=["client.py", EVIL])
    record.add(0, "opened", c=1, p=2, to=1)
    record.add(0, "request", c=1, r=1, method="GET", path=EVIL, headers=[[EVIL, EVIL]], body=EVIL, text=EVIL)


def grow(record: Record, events: int) -> None:
    for number in range(events):
        told = {"again": 3} if number == 1 else {}
        replayed = number % 100 > 90
        record.add(
            0, "event", c=1, r=1, id=f"{EVIL}{number}", body=f'{{"x": "{EVIL}"}}', raw=EVIL, size=9,
            text=f"{EVIL} {number}", priming=number == 0, replayed=replayed, resumed=replayed, **told,
        )  # fmt: skip


@contextmanager
def growing() -> Generator[Growing]:
    there = Growing()
    thread = there.start()
    try:
        yield there
    finally:
        there.call("end")
        thread.join()


def test_ten_thousand_messages_through_a_cut_and_a_saved_file_by_keyboard(tmp_path: Path) -> None:
    with growing() as wire:
        wire.call("grow", 100)
        with tab(wire.url) as page:
            page.wait_for("wire.next === 106")
            wire.call("cut")  # the lid is closed, and more has happened meanwhile
            wire.call("grow", 9_900)
            page.wait_for("wire.next === 10006")
            page.wait_for("document.getElementById('state').textContent === 'live'")
            many_messages(page)
            saved = tmp_path / "run.html"
            saved.write_text(as_page(wire.record.facts), encoding="utf-8")
            page.ask("Page.navigate", url=saved.as_uri())
            page.wait_for("document.getElementById('state').textContent === 'a saved run'")
            a_saved_file(page)
            assert not [told for told in page.trouble if "ERR_" not in told], page.trouble


def many_messages(page: Tab) -> None:
    """Only what is seen is drawn; and what a message says is text."""
    page.wait_for(f"{FIRST}.shown === 10003")
    assert page.value("document.querySelectorAll('*').length") < 2_000
    assert page.value(f"{ROWS}.filter(row => row.fact.kind === 'event').length") == 10_000
    assert page.value("window.hacked") is None
    assert page.value("document.title") == EVIL
    assert page.value("document.querySelectorAll('img, main script').length") == 0


def a_saved_file(page: Tab) -> None:
    shown, clock = f"{FIRST}.shown", "document.getElementById('clock').textContent"
    page.wait_for(f"{shown} === 10003")
    press(page, "Home")
    page.wait_for(f"{shown} < 10003")
    press(page, "ArrowRight", "ArrowRight")
    page.wait_for("!document.getElementById('detail').hidden")
    first = page.value(shown)
    press(page, "ArrowRight")
    page.wait_for(f"{shown} === {first + 1}")
    press(page, "ArrowLeft", "ArrowLeft")
    page.wait_for(f"{shown} === {first - 1}")
    press(page, "End")
    page.wait_for(f"{shown} === 10003")
    page.wait_for("document.querySelector(\".row[data-row='10001']\") !== null")
    page.value("document.querySelector(\".row[data-row='10001']\").click()")  # it may still be scrolling
    page.wait_for("document.querySelector('#detail pre') !== null")
    assert EVIL in page.value("document.querySelector('#detail pre').textContent")
    press(page, "Escape")
    assert page.value("document.getElementById('detail').hidden")

    press(page, "h", " ")  # again, at half speed, and held
    assert page.value("document.getElementById('half').getAttribute('aria-pressed')") == "true"
    page.wait_for(f"{shown} > 10")
    press(page, "End")

    height = page.value(f"{FIRST}.height")
    press(page, "+")
    assert page.value(f"{FIRST}.height") > height
    press(page, "-", "p")
    assert page.value(f"{FIRST}.height") > height * 1.3
    colour = "getComputedStyle(document.body).backgroundColor"
    before = page.value(colour)
    press(page, "d")
    assert page.value(colour) != before
    page.ask("Page.reload")  # and it stays as it was set
    page.wait_for("document.getElementById('state')?.textContent === 'a saved run'")
    assert page.value("document.documentElement.hasAttribute('data-projector')")
    assert page.value(colour) != before
    press(page, "p")

    for width, height in ((360, 640), (1920, 1080)):
        resize(page, width, height)
        page.wait_for(f"innerWidth === {width}")
        assert page.value(WIDE), (width, page.value("document.documentElement.scrollWidth"))
    assert page.value("window.hacked") is None
    assert page.value(clock).endswith(" s")
