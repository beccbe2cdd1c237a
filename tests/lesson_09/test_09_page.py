"""The network's page, seen in Chromium and pressed there, with a mouse."""

import struct

import pytest
from broken_09 import LESSON
from laws_09 import called, resumed, whole

from chromium import program, tab
from processes import cuttable, serving
from wire import Session

STATE = "document.getElementById('state').textContent"
COUNT = "document.querySelectorAll('#events li').length"
IN_FLIGHT = "Number(document.getElementById('inFlight').textContent.replace(',', ''))"


@pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine")
def test_the_page_in_a_browser() -> None:
    with (
        serving(LESSON, "--retry", "10") as server,
        cuttable(server.port) as network,
        tab(network.wait_for(r"^page +(http://\S+)")[1]) as page,
    ):
        page.wait_for(f"{STATE} === 'CONNECTED'")
        session = Session(network.port)

        with called(session, 3, 0) as stream:  # events as they pass
            stream.read_all()
        page.wait_for(f"{COUNT} === 8")
        newest_first = page.value("[...document.querySelectorAll('#events li')].map(item => item.innerText)")
        assert [line.split(maxsplit=1)[1] for line in newest_first] == [
            "result", "progress 3 of 3", "log: linking part 3", "progress 2 of 3",
            "log: compiling part 2", "progress 1 of 3", "log: fetching part 1", "priming event",
        ]  # fmt: skip
        assert newest_first[0].startswith(stream.events[-1].id)

        cut_off = called(session, 20, 10)  # the switch
        start = cut_off.events[0].id
        page.click("#switch")
        page.wait_for(f"{STATE} === 'CUT'")
        assert page.value("document.getElementById('switch').getAttribute('aria-checked')") == "false"
        with cut_off, pytest.raises(ConnectionError):
            cut_off.read_all()
        page.click("#switch")
        page.wait_for(f"{STATE} === 'CONNECTED'")
        with resumed(session, start) as again:
            page.click("#stall")  # bytes in flight
            page.wait_for(f"{STATE} === 'STALLED' && {IN_FLIGHT} > 300")
            page.click("#stall")
            page.wait_for(f"{STATE} === 'CONNECTED' && {IN_FLIGHT} === 0")
            again.read_all()
            whole(again.messages, 20)

        for button, shown in (("#slow", "SLOW"), ("#slow", "CONNECTED")):
            page.click(button)
            page.wait_for(f"{STATE} === '{shown}'")
        page.click("#half")
        network.wait_for("^half ")
        page.wait_for("document.getElementById('half').getAttribute('aria-pressed') === 'true'")
        assert not page.trouble
        assert page.value(
            "document.documentElement.scrollWidth <= innerWidth && document.body.scrollHeight <= innerHeight"
        )
        assert struct.unpack(">II", page.picture()[16:24]) == (1280, 720)


@pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine")
def test_a_network_that_has_gone_is_seen_to_be_gone() -> None:
    with (
        serving(LESSON, command=("network.py", "--listen", "0", "--page", "0")) as network,
        tab(network.wait_for(r"^page +(http://\S+)")[1], 800, 600) as page,
    ):
        page.wait_for(f"{STATE} === 'CONNECTED'")
        network.stop()
        page.wait_for(f"{STATE} === 'GONE'")
