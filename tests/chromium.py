"""A real browser without a screen, led through its DevTools protocol: real clicks, real pictures.

uv run --group test tests/chromium.py 09_flaky_network/page.png    makes the picture in lesson 09's README
"""

import argparse
import base64
import contextlib
import http.client
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from processes import PATIENCE, ROOT, cuttable, serving, speaking

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


def program() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


class Tab:
    """One page. What the page itself has said to its console, and failed to fetch, is kept as `trouble`."""

    def __init__(self, wire: Connection) -> None:
        self._wire = wire
        self._number = 0
        self.trouble: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        self._number += 1
        self._wire.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = json.loads(self._wire.recv(PATIENCE))
            if told.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                self.trouble.append(json.dumps(told["params"]))
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]

    def value(self, script: str) -> Any:
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script: str) -> None:
        """Until it is true in the page."""
        deadline = time.monotonic() + PATIENCE
        while not self.value(script):
            assert time.monotonic() < deadline, f"never true in the page: {script}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """With the mouse, in the middle of it."""
        box = self.value(
            f"(() => {{ const box = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where: dict[str, Any] = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.ask("Input.dispatchMouseEvent", type=kind, **where)

    def picture(self) -> bytes:
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])


@contextlib.contextmanager
def tab(url: str, width: int = 1280, height: int = 720) -> Generator[Tab]:
    """A page of that size, in a browser of its own."""
    browser = program()
    assert browser, "there is no Chromium on this machine"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        size = f"--window-size={width},{height}"
        with speaking(Path(folder), browser, *FLAGS, size, f"--user-data-dir={folder}") as running:
            port = int(running.wait_for(r"DevTools listening on ws://127\.0\.0\.1:(\d+)")[1])
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            asked.request("PUT", "/json/new?about:blank")
            address = json.loads(asked.getresponse().read())["webSocketDebuggerUrl"]
            asked.close()
            with connect(address, max_size=None, proxy=None) as wire:
                there = Tab(wire)
                metrics: dict[str, Any] = {"deviceScaleFactor": 1, "mobile": False}
                there.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, **metrics)
                there.ask("Page.navigate", url=url)
                yield there


def take_picture(file: Path) -> None:
    """Lesson 09's page in the middle of a build, when the network has stalled."""
    lesson = ROOT / "09_flaky_network"
    with contextlib.ExitStack() as running:
        server = running.enter_context(serving(lesson))
        network = running.enter_context(cuttable(server.port, "--script", "5 stall"))
        shown = running.enter_context(tab(network.wait_for(r"page +(http://\S+)")[1]))
        flags = ("--url", network.url, "--steps", "60", "--seconds", "20")
        running.enter_context(speaking(lesson, sys.executable, "client.py", *flags))
        network.wait_for("^stalled")
        shown.wait_for("Number(document.getElementById('inFlight').textContent.replace(',', '')) > 2000")
        file.write_bytes(shown.picture())


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes a picture of lesson 09's page.")
    parser.add_argument("file", type=Path)
    file: Path = parser.parse_args().file
    take_picture(file)
    print(f"taken: {file}")


if __name__ == "__main__":
    main()
