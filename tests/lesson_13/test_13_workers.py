"""Two workers on one Redis: any of them answers, and one goes on where the other has died."""

import signal
import sys
from pathlib import Path

import pytest
from redis_13 import real_redis
from wire_13 import YES, Wire, numbers, text_of

from processes import ROOT, serving

LESSON = ROOT / "13_tasks"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_any_worker_answers_and_one_goes_on_when_the_other_dies(tmp_path: Path) -> None:
    with real_redis(tmp_path) as redis:
        flags = ("--store", "redis", "--redis", redis.url, "--lease", "1", "--poll", "100")
        with serving(LESSON, *flags) as one, serving(LESSON, *flags) as two:
            here, there = Wire(one.url), Wire(two.url)
            for _ in range(20):  # the handle of one is good at the other, at once
                assert there.get(here.begin(steps=1))["taskId"]
            task = here.begin(approval=True)
            there.until(task, "input_required")
            there.ask("tasks/update", taskId=task, inputResponses={"publish": YES})
            assert text_of(here.until(task, "completed")) == "demo: built in 3 steps"
            busy = here.begin(steps=30, interval=0.1)
            with there.listening(taskIds=[busy]) as heard:
                next(heard)
                while next(heard)["params"].get("statusMessage", "")[:2] != "3 ":
                    pass  # news of one worker is heard at the other
                worker, other = (one, there) if f"{busy[:8]}: begins" in one.output else (two, here)
                if worker is one:
                    one.popen.send_signal(signal.SIGKILL)
                    while "result" not in next(heard):
                        pass
            if worker is two:
                two.popen.send_signal(signal.SIGKILL)
            assert text_of(other.until(busy, "completed")) == "demo: built in 30 steps"
            assert numbers(other.log(busy)) == list(range(1, 31))
            assert len({line[-8:] for line in other.log(busy)}) == 2, (
                "two runs of the tool, one after the other"
            )


def test_a_redis_that_is_away_is_said_and_not_a_traceback(tmp_path: Path) -> None:
    with real_redis(tmp_path) as redis:
        flags = ("--store", "redis", "--redis", redis.url, "--lease", "1")
        with serving(LESSON, *flags) as server:
            wire = Wire(server.url)
            task = wire.begin(steps=40, interval=0.05)
            while len(wire.log(task)) < 3:
                pass
            redis.kill()
            error = wire.refused("tasks/get", taskId=task)
            assert error["code"] == -32603
            assert "cannot be reached" in error["message"]
            assert wire.refused("resources/read", uri=f"build://{task}/log/0")["code"] == -32603
            redis.again()
            assert text_of(wire.until(task, "completed")) == "demo: built in 40 steps"
            assert numbers(wire.log(task)) == list(range(1, 41))
