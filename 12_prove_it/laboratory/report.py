"""What a person reads, and what a machine reads: the table, the faults, JSON, JUnit and a picture."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Table
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

from laboratory.evidence import hidden
from laboratory.results import Outcome, Report, Result
from laws.law import TITLES, Weight

STYLES = {
    Outcome.HOLDS: "green",
    Outcome.BROKEN: "bold red",
    Outcome.NOT_REACHED: "yellow",
    Outcome.UNKNOWN: "bold yellow",
}
OPEN = (Outcome.NOT_REACHED, Outcome.UNKNOWN)


def plural(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def told(result: Result) -> Text:
    style = STYLES[result.outcome]
    if result.fault:
        cases = f" ({result.broken} of {result.cases})" if result.cases > 1 else ""
        return Text(f"{result.fault.verdict}{cases}", style)
    if result.outcome is Outcome.HOLDS:
        return Text(f"holds{f' ({result.cases})' if result.cases > 1 else ''}", style)
    asked = result.why or result.unknown or result.cases
    return Text(result.outcome if asked else "...", style if asked else "dim")


def table(report: Report) -> Table:
    """A line for each question, in 80 columns; it stands in full under a fault, and in the JSON."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
    shown.add_column("law", justify="right", min_width=3, no_wrap=True)
    for name, width in (("question", 33), ("weight", 11), ("verdict", 25)):
        shown.add_column(name, min_width=width, max_width=width, no_wrap=True)
    before = 0
    for result in report.results:
        law = result.law
        if law.number != before:
            shown.add_row(str(law.number), Text(TITLES[law.number], "bold"))
        shown.add_row("", law.name, law.weight, told(result))
        before = law.number
    return shown


def progress(report: Report, seconds: float) -> Text:
    """A line while it runs: what is asked just now."""
    if not report.planned:
        return Text(
            f"{seconds:3.0f} s  calling {report.tool}, uncut", "cyan", no_wrap=True, overflow="ellipsis"
        )
    others = f" and {len(report.under_way) - 1} more" if len(report.under_way) > 1 else ""
    now = f"{report.under_way[0]}{others}" if report.under_way else "done"
    line = f"{seconds:3.0f} s  {report.tried} of {report.planned}  asking {now}"
    return Text(line, "cyan", no_wrap=True, overflow="ellipsis")


def repeat(report: Report, result: Result) -> str:
    """The command that puts the question again, and only the case that has seen it."""
    asked = result.asked or result.law
    return f"{report.command} --law {asked.number} --seed {result.seed}"


def print_faults(console: Console, report: Report) -> None:
    for result in report.results:
        if fault := result.fault:
            law = result.law
            console.print(f"law {law.number}, {law.name}: {fault.verdict}", style="bold red", markup=False)
            asked = result.asked.question if result.asked and result.asked is not law else ""
            for word, text in (
                ("question", law.question),
                ("seen by", asked),
                ("clause", f"{law.clause} ({law.weight})"),
                ("stakes", law.stakes),
                ("expected", fault.expected),
                ("came", fault.came),
            ):
                if text:
                    console.print(f"  {word:<9}", style="cyan", end="")
                    console.print(printable(text), markup=False)
            for line in fault.evidence.splitlines()[:40]:
                console.print(f"    {printable(line)[:160]}", style="dim", markup=False)
            console.print("  repeat   ", style="cyan", end="")
            console.print(repeat(report, result), markup=False)
            console.print()


def summary(report: Report) -> Text:
    text = Text()
    for weight in {result.law.weight: None for result in report.results}:
        held, broken = report.count(Outcome.HOLDS, weight), report.count(Outcome.BROKEN, weight)
        text.append(f"{weight}: {held} held", "green")
        text.append(f", {broken} broken", "bold red" if broken else "green")
        text.append("; ")
    text.append(f"{report.count(Outcome.NOT_REACHED, *Weight)} not reached", "yellow")
    unknown = report.count(Outcome.UNKNOWN, *Weight)
    text.append(f", {unknown} unknown", "bold yellow" if unknown else "green")
    text.append(f"\n{report.seconds:.1f} s, {plural(report.requests, 'request')}")
    return text


def print_open(console: Console, report: Report) -> None:
    """What was not answered, and why; one reason for many questions is said once."""
    reasons: dict[tuple[Outcome, str], list[Result]] = {}
    for result in report.results:
        if result.outcome in OPEN:
            reasons.setdefault((result.outcome, result.reason), []).append(result)
    for (outcome, reason), results in reasons.items():
        first = results[0].law
        which = f"law {first.number}, {first.name}" if len(results) == 1 else f"{len(results)} questions"
        console.print(f"{outcome}: {which}: {printable(reason)}", style=STYLES[outcome], markup=False)


def as_json(report: Report) -> str:
    checks = [
        {
            "law": result.law.number,
            "group": f"law {result.law.number}, {TITLES[result.law.number]}",
            "name": result.law.name,
            "weight": result.law.weight,
            "question": result.law.question,
            "clause": result.law.clause,
            "stakes": result.law.stakes,
            "outcome": result.outcome,
            "verdict": result.fault.verdict if result.fault else None,
            "cases": result.cases,
            "broken": result.broken,
            "why": result.reason if result.outcome in OPEN else None,
            "asked": result.asked.name if result.asked else None,
            "expected": hidden(result.fault.expected) if result.fault else None,
            "came": hidden(result.fault.came) if result.fault else None,
            "evidence": hidden(result.fault.evidence) if result.fault else None,
            "repeat": repeat(report, result) if result.fault else None,
        }
        for result in report.results
    ]
    whole = {
        "subject": report.url,
        "about": f"tool {report.tool}, seed {report.seed}, {report.seconds:.0f} s",
        "url": report.url,
        "tool": report.tool,
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "requests": report.requests,
        "died": report.died or None,
        "unfit": report.unfit or None,
        "checks": checks,
    }
    return json.dumps(whole, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """One suite, a law's question a test case: what CI systems read."""
    suite = ElementTree.Element("testsuite", name="prove-it", time=f"{report.seconds:.1f}")
    suite.set("tests", str(len(report.results)))
    suite.set("failures", str(report.count(Outcome.BROKEN, *Weight)))
    suite.set("errors", str(report.count(Outcome.UNKNOWN, *Weight)))
    suite.set("skipped", str(report.count(Outcome.NOT_REACHED, *Weight)))
    for result in report.results:
        name = f"{result.law.name} [{result.law.weight}]"
        case = ElementTree.SubElement(suite, "testcase", classname=f"law {result.law.number}", name=name)
        if fault := result.fault:
            failure = ElementTree.SubElement(case, "failure", type=fault.verdict)
            failure.set(
                "message", printable(f"{fault.verdict}: expected {fault.expected}; came {fault.came}")
            )
            failure.text = printable(f"{fault.evidence}\n{repeat(report, result)}")
        elif result.outcome is Outcome.NOT_REACHED:
            ElementTree.SubElement(case, "skipped", message=printable(result.reason))
        elif result.outcome is Outcome.UNKNOWN:
            ElementTree.SubElement(case, "error", type="unknown", message=printable(result.reason))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def printable(text: str) -> str:
    """Without secrets, and without what a terminal would obey and XML cannot say."""
    return re.sub(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", hidden(text))


def save_svg(console: Console, path: Path, title: str) -> None:
    """A picture of what was printed, which fetches no fonts from anywhere."""
    picture = console.export_svg(title=title, theme=DEFAULT_TERMINAL_THEME)
    path.write_text(re.sub(r"@font-face\s*{[^}]*}", "", picture), encoding="utf-8")
