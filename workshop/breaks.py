"""The *break it* rows of a lesson, from its `breaks.toml`: an edit, what is run then, and what it shows.

row    one way to break a lesson; what it leaves out is as in the file's `[every]`
tried  applied to a temporary copy, run there, and held to what it says; the checkout is not touched
"""

import re
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from rich.table import Table

from workshop.stage import BrokenError, Stage


@dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    laws: list[int]
    edits: list[Edit]
    server: list[str] = []  # flags
    network: str | None = None  # the script of lesson 09's network, which then lies between the two
    client: list[list[str]] = Field(default=[[]], description="the flags of each run, one after the other")
    says: str | None = None  # a pattern in a line of the last run; without it, the checker is asked
    code: int = 1  # the last run's exit code
    ready: str | None = None  # what the server has said before the last run begins
    checker: list[str] = []  # flags of lesson 12's checker
    verdicts: list[str] = []  # what the checker calls it: one of these, or anything


def read(lesson: Path) -> list[Row]:
    file = lesson / "breaks.toml"
    if not file.exists():
        raise BrokenError(f"Lesson {lesson.name[:2]} has nothing to break.")
    told = tomllib.loads(file.read_text(encoding="utf-8"))
    every: Mapping[str, object] = told.get("every", {})
    return [Row.model_validate({**every, **row}) for row in told["break"]]


def listed(rows: list[Row]) -> Table:
    table = Table("", "what you break", "law", box=None, padding=(0, 2, 0, 0))
    for number, row in enumerate(rows, 1):
        table.add_row(str(number), row.title, ", ".join(map(str, row.laws)))
    return table


def edited(lesson: Path, folder: Path, *edits: Edit) -> Path:
    """A copy of a lesson with some lines of it changed; each edit must find its place, once."""
    copy = folder / lesson.name
    shutil.copytree(lesson, copy, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".*"))
    for edit in edits:
        source = (copy / edit.file).read_text(encoding="utf-8")
        if source.count(edit.old) != 1:
            raise BrokenError(f"{edit.old!r} stands {source.count(edit.old)} times in {edit.file}.")
        (copy / edit.file).write_text(source.replace(edit.old, edit.new), encoding="utf-8")
    return copy


async def tried(stage: Stage, lesson: Path, row: Row, *, checker: bool) -> int:
    """0 when the client says what the row tells, or the checker finds that its law is broken."""
    say = stage.say
    say("break", row.title)
    for edit in row.edits:
        say("break", f"in {edit.file}: {' '.join(edit.old.split())}")
        say("break", f"becomes: {' '.join(edit.new.split())}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        say("break", await shown(stage, lesson, row, Path(folder), checker=checker))
    return 0


async def shown(stage: Stage, lesson: Path, row: Row, folder: Path, *, checker: bool = False) -> str:
    """What a broken copy, made in that folder, comes to."""
    copy = edited(lesson, folder, *row.edits)
    ask = named_by_the_checker if checker or not row.says else shown_by_the_client
    return await ask(stage, copy, row)


async def shown_by_the_client(stage: Stage, copy: Path, row: Row) -> str:
    async with AsyncExitStack() as running:
        server = await running.enter_async_context(
            stage.speaking("server", "server.py", "--port", "0", *row.server, folder=copy)
        )
        url = await server.address()
        if row.network is not None:
            script = ("--listen", "0", "--page", "0", "--to", url.split(":")[2].split("/")[0], "--script")
            network = await running.enter_async_context(
                stage.speaking("network", "network.py", *script, row.network, folder=copy)
            )
            url = await network.address()
        *earlier, last = row.client
        for flags in earlier:
            async with stage.speaking("client", "client.py", "--url", url, *flags, folder=copy) as client:
                await client.end()
        if row.ready:
            await server.wait_for(row.ready)
        async with stage.speaking("client", "client.py", "--url", url, *last, folder=copy) as client:
            code = await client.end()
        found = [line for line in client.lines if re.search(row.says or "", line)]
    if code != row.code or not found:
        raise BrokenError(
            f"The client was to end with {row.code} and to say {row.says!r}: it ended with {code}"
        )
    return f"the client says {found[-1]!r}"


async def named_by_the_checker(stage: Stage, copy: Path, row: Row) -> str:
    """Lesson 12's checker, of a server that has just begun."""
    checker = stage.folder / "12_prove_it"
    async with stage.speaking("server", "server.py", "--port", "0", *row.server, folder=copy) as server:
        asked = ("client.py", await server.address(), *row.checker, "--law", str(row.laws[0]))
        async with stage.speaking("checker", *asked, folder=checker) as told:
            code = await told.end()
    verdicts = {match[1] for line in told.lines if (match := re.search(r"^law \d+, .*: (\S+)$", line))}
    if code != 1 or not (verdicts & set(row.verdicts or verdicts)):
        expected = " or ".join(row.verdicts) or f"that law {row.laws[0]} is broken"
        raise BrokenError(f"The checker was to say {expected}: it said {verdicts or 'nothing'}")
    return f"lesson 12's checker calls it {' and '.join(sorted(verdicts))}"
