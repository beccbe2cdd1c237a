"""One page of HTML from the JSON of one or more runs: a row for each question, a column for each run.

It needs no script and fetches nothing: a cell is a link to its panel, and CSS shows the linked panel.

panel  what stands behind a cell: what was expected, what came, and a drawing of the connections
lane   one connection of a drawing: what was asked on the left, what came on the right, where it was cut
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from pydantic import BaseModel

STYLE = Path(__file__).with_suffix(".css")
MARK = re.compile(r"^(-- |> |< )", re.MULTILINE)
FIELD = re.compile(r"id:|data:|event:|retry:|:")
CHUNK_SIZE = re.compile(r"[0-9a-f]{1,8}")


class Check(BaseModel):
    """A question, and what became of it: what both checkers write as JSON."""

    group: str
    name: str
    weight: str
    question: str
    clause: str
    stakes: str = ""
    outcome: str
    verdict: str | None
    cases: int = 1
    broken: int = 0
    why: str | None
    expected: str | None
    came: str | None
    evidence: str | None
    repeat: str | None

    @property
    def told(self) -> str:
        return self.verdict or self.outcome


class Run(BaseModel):
    subject: str  # a server's address, or a client's command
    about: str
    checks: list[Check]

    def check(self, name: str) -> Check | None:
        return next((check for check in self.checks if check.name == name), None)

    def count(self, outcome: str) -> int:
        return sum(check.outcome == outcome for check in self.checks)


def page(title: str, runs: Sequence[str]) -> str:
    """The runs are JSON, as the checkers write it."""
    told = [Run.model_validate_json(run) for run in runs]
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    put(head, "title", title)
    put(head, "style", STYLE.read_text(encoding="utf-8"))
    body = SubElement(html, "body")
    put(body, "h1", title)
    body.append(table(told))
    for column, run in enumerate(told):
        for check in run.checks:
            body.append(panel(run, check, name_of(column, check)))
    return "<!doctype html>\n" + tostring(html, encoding="unicode", method="html") + "\n"


def put(parent: Element, tag: str, text: str, kind: str = "", **more: str) -> Element:
    element = SubElement(parent, tag, {**({"class": kind} if kind else {}), **more})
    element.text = text
    return element


def name_of(column: int, check: Check) -> str:
    return f"run{column}-{re.sub(r'[^a-z0-9]+', '-', check.name.lower())}"


def kind_of(check: Check) -> str:
    return check.outcome.replace(" ", "-")


def table(runs: Sequence[Run]) -> Element:
    shown = Element("table")
    head = SubElement(SubElement(shown, "thead"), "tr")
    put(head, "th", "question")
    put(head, "th", "weight")
    for run in runs:
        cell = put(head, "th", run.subject)
        put(cell, "small", run.about)
        counts = [f"{number} {word}" for word in ("holds", "broken", "not reached", "unknown")
                  if (number := run.count(word))]  # fmt: skip
        put(cell, "small", ", ".join(counts))
    rows = {(check.group, check.name): check for run in runs for check in run.checks}
    group = ""
    body = SubElement(shown, "tbody")
    for (of_group, name), check in rows.items():
        if of_group != group:
            group = of_group
            put(SubElement(body, "tr", {"class": "group"}), "th", group, colspan=str(2 + len(runs)))
        row = SubElement(body, "tr")
        put(row, "th", name, title=check.question)
        put(row, "td", check.weight, "weight")
        for column, run in enumerate(runs):
            cell = SubElement(row, "td")
            if found := run.check(name):
                put(cell, "a", found.told, kind_of(found), href=f"#{name_of(column, found)}")
    return shown


def panel(run: Run, check: Check, anchor: str) -> Element:
    shown = Element("section", {"id": anchor, "class": "panel"})
    put(shown, "a", "close", "close", href="#")
    put(shown, "h2", f"{check.name}: {check.told}", kind_of(check))
    facts = SubElement(shown, "dl")
    of_cases = f"{check.broken} of {check.cases} broken" if check.broken else f"{check.cases} asked"
    for word, text in (
        ("of", run.subject),
        ("question", check.question),
        ("clause", f"{check.clause} ({check.weight})"),
        ("stakes", check.stakes),
        ("cases", of_cases),
        ("why", check.why),
        ("expected", check.expected),
        ("came", check.came),
        ("repeat", check.repeat),
    ):
        if text:
            put(facts, "dt", word)
            put(facts, "dd", text, "code" if word == "repeat" else "")
    if check.evidence:
        draw(shown, check.evidence)
    return shown


def draw(shown: Element, evidence: str) -> None:
    """The connections one under the other, as time went by: `-- title`, `> asked`, `< came`."""
    parts = MARK.split(evidence)
    if opening := parts[0].strip():
        put(shown, "pre", opening)
    asked = came = shown
    for mark, text in zip(parts[1::2], parts[2::2], strict=True):
        if mark == "-- ":
            title, _, cut = text.strip().partition(", cut: ")
            lane = put(shown, "div", "", "lane")
            put(lane, "h3", title)
            asked, came = put(lane, "div", "", "asked"), put(lane, "div", "", "came")
            if cut:
                put(lane, "p", f"cut: {cut}", "cut")
        elif mark == "> ":
            put(asked, "pre", text.strip())
        else:
            for event in events(text.strip()):
                put(came, "pre", event)


def events(text: str) -> list[str]:
    """The head of an answer, and each of its events; the sizes of chunks are left out."""
    found, in_head = [""], text.startswith("HTTP")
    for line in text.splitlines():
        if CHUNK_SIZE.fullmatch(line):
            continue
        before = found[-1].rpartition("\n")[2]
        event_is_over = before.startswith("data:") and not line.startswith("data:")
        if event_is_over or (in_head and FIELD.match(line)):
            found.append("")
            in_head = False
        found[-1] = f"{found[-1]}\n{line}".strip()
    return [event for event in found if event]


def badge(label: str, run: str) -> str:
    """A small picture that says what a run has found."""
    told = Run.model_validate_json(run)
    broken, unknown = told.count("broken"), told.count("unknown")
    verdict = f"{broken} broken" if broken else f"{unknown} unknown" if unknown else "proven"
    colour = "#c22" if broken else "#a70" if unknown else "#2a2"
    left, right = 7 * len(label) + 12, 7 * len(verdict) + 12
    svg = Element("svg", xmlns="http://www.w3.org/2000/svg", width=str(left + right), height="20", role="img")
    put(svg, "title", f"{label}: {verdict}")
    for x, width, fill, text in ((0, left, "#444", label), (left, right, colour, verdict)):
        SubElement(svg, "rect", x=str(x), width=str(width), height="20", fill=fill)
        put(svg, "text", text, x=str(x + width / 2), y="14", fill="#fff",
            **{"text-anchor": "middle", "font-family": "Verdana, sans-serif", "font-size": "11"})  # fmt: skip
    return tostring(svg, encoding="unicode") + "\n"


def beside(files: Sequence[Path]) -> list[str]:
    """Runs that were kept, to be shown in the same page."""
    return [json.dumps(json.loads(file.read_text(encoding="utf-8"))) for file in files]
