"""What a person reads, and what a machine reads: the table, the faults, JSON, JUnit and a picture."""

import json
import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Table
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

from laboratory.checker import Outcome, Report, Result
from laws.law import TITLES, Weight

STYLES = {Outcome.HOLDS: "green", Outcome.BROKEN: "bold red", Outcome.NOT_REACHED: "yellow"}


def plural(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def told(result: Result) -> Text:
    style = STYLES[result.outcome]
    if result.fault:
        cases = f" ({result.broken} of {result.cases})" if result.cases > 1 else ""
        return Text(f"{result.fault.verdict}{cases}", style)
    if result.outcome is Outcome.HOLDS:
        return Text(f"holds{f' ({result.cases})' if result.cases > 1 else ''}", style)
    return Text("not reached" if result.why else "...", style if result.why else "dim")


def table(report: Report) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, options in (("law", 26), ("question", None), ("weight", 11), ("verdict", 16)):
        shown.add_column(name, width=options, overflow="fold")
    before = 0
    for result in report.results:
        law = result.law
        title = f"{law.number:>2} {TITLES[law.number]}" if law.number != before else ""
        shown.add_row(title, law.question, law.weight, told(result))
        before = law.number
    return shown


def repeat(report: Report, result: Result) -> str:
    return f"{report.command} --law {result.law.number} --seed {result.seed}"


def print_faults(console: Console, report: Report) -> None:
    for result in report.results:
        if fault := result.fault:
            law = result.law
            console.print(f"law {law.number}, {law.name}: {fault.verdict}", style="bold red", markup=False)
            for word, text in (
                ("clause", f"{law.clause} ({law.weight})"),
                ("stakes", law.stakes),
                ("expected", fault.expected),
                ("came", fault.came),
            ):
                console.print(f"  {word:<9}", style="cyan", end="")
                console.print(text, markup=False)
            for line in fault.evidence.splitlines()[:40]:
                console.print(f"    {line[:160]}", style="dim", markup=False)
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
    text.append(f"{plural(report.count(Outcome.NOT_REACHED, *Weight), 'question')} not reached", "yellow")
    text.append(f"\n{report.seconds:.1f} s, {plural(report.requests, 'request')}")
    return text


def print_not_reached(console: Console, report: Report) -> None:
    for result in report.results:
        if result.outcome is Outcome.NOT_REACHED:
            console.print(
                f"not reached: law {result.law.number}, {result.law.name}: {result.why}", style="yellow"
            )


def as_json(report: Report) -> str:
    checks = [
        {
            "law": result.law.number,
            "name": result.law.name,
            "weight": result.law.weight,
            "question": result.law.question,
            "clause": result.law.clause,
            "stakes": result.law.stakes,
            "outcome": result.outcome,
            "verdict": result.fault.verdict if result.fault else None,
            "cases": result.cases,
            "broken": result.broken,
            "why": result.why or None,
            "expected": result.fault.expected if result.fault else None,
            "came": result.fault.came if result.fault else None,
            "evidence": result.fault.evidence if result.fault else None,
            "repeat": repeat(report, result) if result.fault else None,
        }
        for result in report.results
    ]
    whole = {
        "url": report.url,
        "tool": report.tool,
        "seed": report.seed,
        "seconds": round(report.seconds, 1),
        "requests": report.requests,
        "checks": checks,
    }
    return json.dumps(whole, indent=2) + "\n"


def as_junit(report: Report) -> str:
    """One suite, a law's question a test case: what CI systems read."""
    suite = ElementTree.Element("testsuite", name="prove-it", time=f"{report.seconds:.1f}")
    suite.set("tests", str(len(report.results)))
    suite.set("failures", str(report.count(Outcome.BROKEN, *Weight)))
    suite.set("skipped", str(report.count(Outcome.NOT_REACHED, *Weight)))
    for result in report.results:
        name = f"{result.law.name} [{result.law.weight}]"
        case = ElementTree.SubElement(suite, "testcase", classname=f"law {result.law.number}", name=name)
        if fault := result.fault:
            failure = ElementTree.SubElement(case, "failure", type=fault.verdict)
            failure.set("message", f"{fault.verdict}: expected {fault.expected}; came {fault.came}")
            failure.text = printable(f"{fault.evidence}\n{repeat(report, result)}")
        elif result.outcome is Outcome.NOT_REACHED:
            ElementTree.SubElement(case, "skipped", message=result.why)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def printable(text: str) -> str:
    """XML has no way to write most control characters."""
    return re.sub(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)


def save_svg(console: Console, path: Path, title: str) -> None:
    """A picture of what was printed, which fetches no fonts from anywhere."""
    picture = console.export_svg(title=title, theme=DEFAULT_TERMINAL_THEME)
    path.write_text(re.sub(r"@font-face\s*{[^}]*}", "", picture), encoding="utf-8")


def command(url: str, tool: str, options: dict[str, str]) -> str:
    words = ["uv", "run", "client.py", url, "--tool", tool]
    for name, value in options.items():
        words += [name, value]
    return shlex.join(words)
