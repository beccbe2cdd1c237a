"""The tool: a build in steps, and an approval before the last one. It knows nothing of tasks."""

import asyncio
import logging
import secrets
from collections import OrderedDict
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from pydantic import Field

from journal import journal_of

log = logging.getLogger("server")
STEPS = ("fetch", "resolve", "configure", "compile", "link", "test", "document", "package")
REMEMBERED = 1000  # runs

Steps = Annotated[int, Field(ge=1, le=10_000, description="how many steps")]
Seconds = Annotated[float, Field(ge=0, le=60, description="seconds that a step takes")]
Name = Annotated[str, Field(min_length=1, max_length=60, description="what is built")]


class Builds:
    def __init__(self, max_time: float) -> None:
        self._max_time = max_time
        self._runs: OrderedDict[str, str] = OrderedDict()  # this process's: what became of each

    async def build_project(
        self,
        ctx: Context,
        project: Name = "demo",
        steps: Steps = 8,
        interval: Seconds = 0.3,
        approval: bool = False,
    ) -> str:
        """Build a project in steps. With `approval` somebody is asked before the last step."""
        if steps * interval >= self._max_time:
            raise ToolError(f"steps times interval must stay below {self._max_time:g} s.")
        journal = journal_of(ctx, asks=approval)
        run = secrets.token_hex(4)
        self._note(run, "at work")
        try:
            for step in range(journal.done + 1, steps + 1):
                if approval and step == steps and not await journal.ask("publish", f"Publish {project}?"):
                    return f"{project}: not published"
                await asyncio.sleep(interval)
                await journal.note(step, steps, f"{STEPS[(step - 1) % len(STEPS)]}, in run {run}")
        except asyncio.CancelledError:
            self._note(run, "cancelled")
            log.info("run %s: cancelled", run)
            raise
        self._note(run, "ended")
        return f"{project}: built in {steps} steps"

    def _note(self, run: str, what: str) -> None:
        self._runs[run] = what
        if len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)

    def run(self, run: str) -> str:
        """What has become of a run of the tool."""
        if run not in self._runs:
            raise ResourceNotFoundError("There is no such run in this process.")
        return self._runs[run]
