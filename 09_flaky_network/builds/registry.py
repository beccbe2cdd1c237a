"""All builds: which are at work, which can be asked for again, and when one is given up (law 8).

key  chosen by the client, carried in `_meta`: who calls again with it gets the build that there is
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Self

from pydantic import JsonValue, ValidationError

from builds.build import Build, Call, Plan, logged
from plumbing.methods import first_mistake
from sessions import Limits, Session, Sessions

log = logging.getLogger(__name__)
KEY = "example.com/idempotency-key"
LONGEST_KEY = 200
TOOL: Mapping[str, JsonValue] = {
    "name": "build_project",
    "description": "Build a project, step by step, with progress and log lines. "
    f"Called again with the same _meta {KEY!r}, it gives the running or finished build.",
    "inputSchema": Plan.model_json_schema(),
}


class CannotBuildError(Exception):
    """Why, and what to do."""


class Builds:
    """Leaving it ends them all."""

    def __init__(self, limits: Limits, sessions: Sessions) -> None:
        self._limits, self._sessions = limits, sessions
        self._calls: dict[Session, list[Call]] = {}  # that wait, by session
        self._by_key: dict[str, Build] = {}
        self._at_work: set[Build] = set()
        self._tasks = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for build in self._at_work:
            if build.task:
                build.task.cancel()
        await self._tasks.__aexit__(None, None, None)

    def call(self, session: Session, request_id: int | str, arguments: JsonValue, meta: JsonValue) -> Call:
        """A call of `build_project`: of a new build, or of the one that its key names."""
        told = meta if isinstance(meta, dict) else {}
        if len(self._calls.get(session, ())) >= self._limits.max_calls:
            raise CannotBuildError("This session has as many calls at work as it may: wait for one to end.")
        build = self._find_or_begin(plan_of(arguments), told.get(KEY))
        token = told.get("progressToken")
        call = Call(
            build, session, session.buffer.open(), request_id, token if isinstance(token, int | str) else None
        )
        log.info("%s: build %s %s", session, build.id, "asked for again" if build.task else "begun")
        self._wait(call)
        return call

    def cancel(self, session: Session, request_id: JsonValue) -> None:
        """Only a client that says so cancels; a cut does not (law 5)."""
        for call in list(self._calls.get(session, ())):
            if call.request_id == request_id:
                call.session.buffer.close(call.stream)
                self._leave(call)
                if not call.build.calls and self._has_key(call.build):
                    self._give_up(call.build)  # nobody wants it any more

    def leave_all(self, session: Session) -> None:
        for call in list(self._calls.get(session, ())):
            self._leave(call)

    def _find_or_begin(self, plan: Plan, key: JsonValue) -> Build:
        if key is None:
            return Build(plan)
        if not isinstance(key, str) or not 1 <= len(key) <= LONGEST_KEY:
            raise CannotBuildError(f"_meta {KEY!r}: give a text of 1 to {LONGEST_KEY} characters.")
        if key not in self._by_key or self._is_too_old(self._by_key[key]):
            self._make_room()
            self._by_key[key] = Build(plan)
            self._by_key[key].key = key
        if self._by_key[key].plan != plan:
            raise CannotBuildError("This idempotency key was used with other arguments: choose another.")
        return self._by_key[key]

    def _is_too_old(self, build: Build) -> bool:
        return build.outcome is not None and build.finished_at < time.monotonic() - self._limits.max_key_age

    def _make_room(self) -> None:
        """Forget results by age. If that is not enough, the oldest result goes, or an abandoned build."""
        self._by_key = {key: build for key, build in self._by_key.items() if not self._is_too_old(build)}
        if len(self._by_key) < self._limits.max_keys:
            return
        finished = [build for build in self._by_key.values() if build.outcome is not None]
        left = [build for build in self._by_key.values() if not build.calls]
        if not finished and not left:
            raise CannotBuildError("As many builds with a key are at work as there may be: try again later.")
        self._give_up((finished or left)[0])

    def _give_up(self, build: Build) -> None:
        """It ends if it is at work, and its key is free."""
        if self._has_key(build):
            del self._by_key[build.key]
        if build.task and build in self._at_work:
            log.info("build %s given up", build.id)
            self._at_work.discard(build)  # a task that is cancelled before its first step runs no `finally`
            build.task.cancel()

    def _has_key(self, build: Build) -> bool:
        return self._by_key.get(build.key) is build

    def _wait(self, call: Call) -> None:
        if call.build.outcome is not None:
            call.build.answer(call)
            return
        call.build.calls.append(call)
        self._calls.setdefault(call.session, []).append(call)
        self._sessions.hold(call.session)
        if call.build.task is None:
            self._at_work.add(call.build)
            call.build.task = self._tasks.create_task(self._run(call.build))

    async def _run(self, build: Build) -> None:
        try:
            await build.run()
            log.info("build %s finished", build.id)
            for call in list(build.calls):
                build.answer(call)
                if self._has_key(build) and call.session.wants_log:
                    line = "finished; a call with its key brings the result"
                    call.session.send(call.session.standing, logged({"build": build.id, "line": line}))
        finally:
            self._at_work.discard(build)
            for call in list(build.calls):
                self._leave(call)

    def _leave(self, call: Call) -> None:
        """A build that nobody waits for, or can ask for again, is given up."""
        call.build.calls.remove(call)
        self._calls[call.session].remove(call)
        if not self._calls[call.session]:
            del self._calls[call.session]
        self._sessions.release(call.session)
        if not call.build.calls and not self._has_key(call.build):
            self._give_up(call.build)


def plan_of(arguments: JsonValue) -> Plan:
    try:
        return Plan.model_validate(arguments)
    except ValidationError as mistake:
        raise CannotBuildError(first_mistake(mistake)) from None
