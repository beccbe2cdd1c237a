"""The Postman collection: green against lesson 10, red against servers that break a law."""

import json
import subprocess
from pathlib import Path

import pytest
from broken_10 import LESSON, broken
from pydantic import BaseModel, Field
from test_10_laws import test_sessions_with_the_same_ids_do_not_mix as law_4
from test_10_laws import test_the_first_event_names_the_stream_before_anything_is_known as laws_5_and_6

from node import NODE, packages
from processes import ROOT, Server, serving
from wire import ENOUGH

POSTMAN, PROJECT = ROOT / "postman", ROOT / "tests" / "newman"
COLLECTION = POSTMAN / "MCP_Resumption_Tests.postman_collection.json"
FLAGS = ("--delay", "1.2", "--max-events", "60")
REQUESTS, ASSERTIONS, PINGS = 26, 62, 31
ACROSS = ("6 The id of another stream", 6, 11)  # a folder, its requests and its assertions


class Named(BaseModel):
    name: str = ""


class Failure(BaseModel):
    source: Named
    error: Named


class Count(BaseModel):
    total: int
    failed: int


class Stats(BaseModel):
    items: Count
    requests: Count
    assertions: Count
    scripts: Count


class Run(BaseModel):
    stats: Stats
    failures: list[Failure] = Field(default_factory=list[Failure])


class Report(BaseModel):
    run: Run


@pytest.fixture(scope="session")
def newman() -> Path:
    return packages(PROJECT) / "node_modules" / "newman" / "bin" / "newman.js"


def play(newman: Path, server: Server, folder: Path, *more: str) -> tuple[int, Run]:
    report = folder / "report.json"
    values = {"base_url": server.url, "delay": "1.2", "max_events": "60"}
    command = [
        NODE,
        str(newman),
        "run",
        str(COLLECTION),
        "-e",
        str(POSTMAN / "Local.postman_environment.json"),
    ]
    for name, value in values.items():
        command += ["--env-var", f"{name}={value}"]
    # Pings keep a stream from ever being idle for longer than 15 seconds, so less than that it must be.
    command += [
        "--timeout-request",
        "4000",
        "--reporters",
        "json",
        "--reporter-json-export",
        str(report),
        *more,
    ]
    code = subprocess.run(command, capture_output=True, timeout=150).returncode
    return code, Report.model_validate_json(report.read_text(encoding="utf-8")).run


def test_green_against_the_lesson(newman: Path, tmp_path: Path) -> None:
    with serving(LESSON, *FLAGS) as server:
        code, run = play(newman, server, tmp_path)
    assert code == 0, run.failures
    assert run.stats.items.total == REQUESTS
    assert run.stats.requests == Count(total=REQUESTS + PINGS, failed=0)
    assert run.stats.assertions == Count(total=ASSERTIONS, failed=0)
    assert run.stats.scripts.failed == 0


@pytest.mark.parametrize(("flags", "said"), [((), "no"), (("--all-streams",), "yes")])
def test_the_folder_about_another_streams_id(
    newman: Path, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    """Green if it is told how the server was started, and red if it is told wrong."""
    folder, requests, assertions = ACROSS
    with serving(LESSON, *FLAGS, *flags) as server:
        told = ("--folder", folder, "--env-var")
        code, run = play(newman, server, tmp_path, *told, f"all_streams={said}")
        assert code == 0, run.failures
        assert run.stats.requests == Count(total=requests, failed=0)
        assert run.stats.assertions == Count(total=assertions, failed=0)
        code, run = play(newman, server, tmp_path, *told, f"all_streams={'yes' if said == 'no' else 'no'}")
        assert code != 0
        assert {failure.source.name for failure in run.failures} == {"resume with initialize's id"}


@pytest.mark.parametrize(
    ("name", "seen_at"),
    [
        ("replays nothing", "resume"),
        ("replays another session's", "an id of somebody else's"),
        ("has no store", "initialize"),
        ("never ends its streams", "resume"),
    ],
)
def test_red_against_a_broken_server(
    newman: Path, tmp_path: Path, name: str, seen_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are the tests on the wire."""
    monkeypatch.setattr("wire.PATIENCE", ENOUGH)
    with serving(broken(tmp_path, name), *FLAGS) as server:
        code, run = play(newman, server, tmp_path, "--bail")
        assert code != 0
        assert run.failures[0].source.name == seen_at, run.failures
        with pytest.raises((AssertionError, ValueError)):
            laws_5_and_6(server)
            law_4(server)


def test_each_request_is_explained() -> None:
    """Headers and bodies are written out, each with what it is for."""
    collection = json.loads(COLLECTION.read_text(encoding="utf-8"))
    requests = [item for folder in collection["item"] for item in folder["item"]]
    assert len(requests) == REQUESTS
    for item in requests:
        assert item["request"]["description"]
        assert all(header["description"] for header in item["request"]["header"])
        assert ("body" in item["request"]) == (item["request"]["method"] == "POST")
        assert any("pm.test(" in line for event in item["event"] for line in event["script"]["exec"])
    lock = (PROJECT / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in lock
