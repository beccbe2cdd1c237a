"""The lessons' own clients before the judge: what they hold, and what their READMEs say that they lose."""

import json
import sys
from pathlib import Path

import pytest

from processes import ROOT, run

LESSON = ROOT / "14_prove_your_client"
CLIENTS = Path(__file__).parent / "peers"
HOLDS = ("cut-again-after-an-event", "the-stream-stays-open", "an-html-page", "other-kinds-of-event")
LOSES = {"09": "a-ping-after-the-cut", "10": "a-ping-after-the-cut", "11": "no-id-at-all"}


@pytest.mark.parametrize("number", LOSES)
def test_a_lessons_client_holds_what_its_readme_does_not_except(number: str, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    asked = [word for name in (*HOLDS, LOSES[number]) for word in ("--case", name)]
    client = ("--", sys.executable, str(CLIENTS / f"lesson_{number}.py"), "{url}")
    run(LESSON, "server.py", *asked, "--time-limit", "12", "--json", str(told), *client)
    checks = json.loads(told.read_text(encoding="utf-8"))["checks"]
    assert checks, "nothing was judged"
    lost = {check["verdict"] for check in checks if check["outcome"] == "broken"}
    (readme,) = ROOT.glob(f"{number}_*/README.md")
    text = " ".join(readme.read_text(encoding="utf-8").split())
    said = text.partition("Lesson 14's judge calls this client")[2].partition(" - ")[0]
    assert lost, checks
    assert all(f"`{verdict}`" in said for verdict in lost), checks
    held = {check["name"].replace(" ", "-") for check in checks if check["outcome"] == "holds"}
    assert held >= {*HOLDS} - ({"an-html-page"} if "ran-twice" in lost else set()), checks
