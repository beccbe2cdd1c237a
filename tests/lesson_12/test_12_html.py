"""The page that shows a run, or several, as a browser shows it: from disk, alone, without a script."""

import json
import re
from pathlib import Path

import pytest

from chromium import program, tab
from processes import ROOT, run, serving

LESSON = ROOT / "12_prove_it"
ASKED = ("--tool", "count", "--law", "2", "--seed", "17", "--quiet", "0.5", "--patience", "2")
SCRIPT = "<script>document.title = 'bad'</script>"


@pytest.mark.skipif(program() is None, reason="there is no Chromium on this machine")
def test_a_cell_opens_a_drawing_of_its_connections(tmp_path: Path) -> None:
    told, page, badge = (tmp_path / name for name in ("run.json", "page.html", "badge.svg"))
    with serving(LESSON, "--lie", "lose-in-the-seam") as server:
        assert run(LESSON, "client.py", server.url, *ASKED, "--json", str(told))[0] == 1
        earlier = json.loads(told.read_text("utf-8"))
        for check in earlier["checks"]:
            check["evidence"] = f"-- {SCRIPT}, cut: {SCRIPT}\n> {SCRIPT}\n< {SCRIPT}"
        told.write_text(json.dumps(earlier), encoding="utf-8")
        files = ("--beside", str(told), "--html", str(page), "--badge", str(badge))
        assert run(LESSON, "client.py", server.url, *ASKED, *files)[0] == 1
    assert not re.search(r"<link|<img|<script|@import|url\(|src=", page.read_text("utf-8"))
    assert re.search(r">resumption</text>.*>\d+ broken</text>", badge.read_text("utf-8"), re.DOTALL)
    with tab(page.as_uri()) as shown:
        shown.wait_for("document.readyState === 'complete'")
        assert shown.value("document.querySelectorAll('thead th').length") == 4  # two runs
        panel = "document.querySelector('#run1-the-whole-is-the-same')"
        assert shown.value(f"getComputedStyle({panel}).display") == "none"
        shown.click("a[href='#run1-the-whole-is-the-same'].broken")
        shown.wait_for(f"getComputedStyle({panel}).display === 'block'")
        assert shown.value(f"{panel}.querySelectorAll('.lane').length") > 1
        assert "POST /mcp" in shown.value(f"{panel}.querySelector('.asked').innerText")
        assert "cut: " in shown.value(f"{panel}.querySelector('.cut').innerText")
        assert "HTTP/1.1 200 OK" in shown.value(f"{panel}.querySelector('.came').innerText")
        shown.click("section:target .close")
        shown.wait_for(f"getComputedStyle({panel}).display === 'none'")
        assert shown.value("document.scripts.length") == 0
        foreign = "document.querySelector('#run0-the-whole-is-the-same .asked').innerText"
        assert shown.value(foreign) == SCRIPT
        assert shown.value("document.title") == "Which laws of resumption it keeps"
        assert not shown.trouble
