"""What a person reads, and what a machine reads: the table, the faults, JSON and JUnit."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judging.judge import Report, Result
from judging.verdicts import Outcome, Weight
from judging.wire import merged, shown

STYLES = {
    Outcome.HOLDS: "green",
    Outcome.BROKEN: "bold red",
    Outcome.NOT_REACHED: "yellow",
    Outcome.UNKNOWN: "bold yellow",
}
OPEN = (Outcome.NOT_REACHED, Outcome.UNKNOWN)
MOST_LINES = 60  # of the evidence of one fault, on a terminal


def told(result: Result) -> Text:
    style = STYLES[result.outcome]
    if result.fault:
        return Text(result.fault.verdict, style)
    asked = result.why or result.unknown or result.cases
    return Text(result.outcome if asked else "...", style if asked else "dim")


def table(report: Report) -> Table:
    """A line for each case, in 80 columns; its question stands in full under a fault, and in the JSON."""
    shown_here = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), collapse_padding=True)
    for name, width in (("case", 40), ("law", 3), ("weight", 11), ("verdict", 22)):
        right = "right" if name == "law" else "left"
        shown_here.add_column(name, min_width=width, max_width=width, no_wrap=True, justify=right)
    before = ""
    for result in report.results:
        case = result.case
        if case.room != before:
            shown_here.add_row(Text(case.room.capitalize(), "bold"))
        shown_here.add_row(f"  {case.name}", str(case.law), case.weight, told(result))
        before = case.room
    return shown_here


def repeat(report: Report, result: Result) -> str:
    """The command that plays the case again, and only the case that has seen the fault."""
    asked = result.asked or result.case
    before, _, client = report.command.partition(" -- ")
    return f"{before} --case {asked.name.replace(' ', '-')} --seed {result.seed} -- {client}"


def print_faults(console: Console, report: Report) -> None:
    for result in report.results:
        if fault := result.fault:
            case = result.case
            console.print(f"law {case.law}, {case.name}: {fault.verdict}", style="bold red", markup=False)
            asked = result.asked.name if result.asked and result.asked is not case else ""
            for word, text in (
                ("question", case.question),
                ("seen by", asked),
                ("clause", f"{case.clause} ({case.weight})"),
                ("stakes", case.stakes),
                ("expected", fault.expected),
                ("came", fault.came),
            ):
                if text:
                    console.print(f"  {word:<9}", style="cyan", end="")
                    console.print(printable(text), markup=False)
            lines = result.evidence.splitlines()
            cut_short = ["..."] if len(lines) > MOST_LINES else []
            for line in [*cut_short, *lines[-MOST_LINES:]]:
                console.print(f"    {printable(line)[:160]}", style="dim", markup=False)
            console.print("  repeat   ", style="cyan", end="")
            console.print(printable(repeat(report, result)), markup=False)
            console.print()


def summary(report: Report) -> Text:
    text = Text()
    for weight in Weight:
        held, broken = report.count(Outcome.HOLDS, weight), report.count(Outcome.BROKEN, weight)
        text.append(f"{weight}: {held} held", "green")
        text.append(f", {broken} broken", "bold red" if broken else "green")
        text.append("; ")
    text.append(f"{report.count(Outcome.NOT_REACHED, *Weight)} not reached", "yellow")
    unknown = report.count(Outcome.UNKNOWN, *Weight)
    text.append(f", {unknown} unknown", "bold yellow" if unknown else "green")
    text.append(f"\n{report.seconds:.1f} s, {report.requests} requests")
    return text


def print_open(console: Console, report: Report) -> None:
    """What was not answered, and why; one reason for many cases is said once."""
    reasons: dict[tuple[Outcome, str], list[Result]] = {}
    for result in report.results:
        if result.outcome in OPEN:
            reasons.setdefault((result.outcome, result.reason), []).append(result)
    for (outcome, reason), results in reasons.items():
        which = results[0].case.name if len(results) == 1 else f"{len(results)} cases"
        console.print(f"{outcome}: {which}: {printable(reason)}", style=STYLES[outcome], markup=False)


def as_json(report: Report) -> str:
    checks = [
        {
            "law": result.case.law,
            "group": result.case.room.capitalize(),
            "name": result.case.name,
            "weight": result.case.weight,
            "question": result.case.question,
            "clause": result.case.clause,
            "stakes": result.case.stakes,
            "outcome": result.outcome,
            "verdict": result.fault.verdict if result.fault else None,
            "cases": result.cases,
            "broken": result.broken,
            "why": result.reason if result.outcome in OPEN else None,
            "asked": result.asked.name if result.asked else None,
            "expected": result.fault.expected if result.fault else None,
            "came": result.fault.came if result.fault else None,
            "evidence": result.evidence,
            "repeat": repeat(report, result) if result.fault else None,
            "seconds": round(result.seconds, 1),
            "wire": [
                {
                    "at": round(moment.at, 3),
                    "connection": moment.connection,
                    "who": moment.who,
                    "said": shown(moment.said),
                }
                for moment in merged(result.moments)
            ],
        }
        for result in report.results
    ]
    whole = {
        "subject": report.client,
        "about": f"seed {report.seed}, {report.seconds:.0f} s",
        "url": None,
        "tool": "count",
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "requests": report.requests,
        "died": None,
        "unfit": report.unfit or None,
        "checks": checks,
    }
    return json.dumps(whole, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """One suite, a case a test case: what CI systems read."""
    suite = ElementTree.Element("testsuite", name="prove-your-client", time=f"{report.seconds:.1f}")
    suite.set("tests", str(len(report.results)))
    suite.set("failures", str(report.count(Outcome.BROKEN, *Weight)))
    suite.set("errors", str(report.count(Outcome.UNKNOWN, *Weight)))
    suite.set("skipped", str(report.count(Outcome.NOT_REACHED, *Weight)))
    for result in report.results:
        name = f"{result.case.name} [{result.case.weight}]"
        case = ElementTree.SubElement(suite, "testcase", classname=f"law {result.case.law}", name=name)
        if fault := result.fault:
            failure = ElementTree.SubElement(case, "failure", type=fault.verdict)
            failure.set(
                "message", printable(f"{fault.verdict}: expected {fault.expected}; came {fault.came}")
            )
            failure.text = printable(f"{result.evidence}\n{repeat(report, result)}")
        elif result.outcome is Outcome.NOT_REACHED:
            ElementTree.SubElement(case, "skipped", message=printable(result.reason))
        elif result.outcome is Outcome.UNKNOWN:
            ElementTree.SubElement(case, "error", type="unknown", message=printable(result.reason))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def printable(text: str) -> str:
    """Without what a terminal would obey and XML cannot say."""
    return re.sub(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def print_all(console: Console, report: Report) -> None:
    console.print(table(report), soft_wrap=False)
    print_faults(console, report)
    print_open(console, report)
    console.print(summary(report))


def write(path: Path | None, text: str) -> None:
    if path:
        path.write_text(text, encoding="utf-8")
