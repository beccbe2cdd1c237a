"""What the extension asks of a server, on the wire."""

import re
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from wire_13 import TASKS, TOOL, YES, Wire, numbers, text_of

from processes import ROOT, Server, serving

LESSON = ROOT / "13_tasks"
TOKENS = ("--token", "ada=sesame", "--token", "eve=poppy")


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    limits = ("--poll", "150", "--max-lines", "50", "--max-bytes", "5000", "--max-waiting", "2")
    with serving(LESSON, *limits, "--max-listeners", "2") as server:
        yield server


@pytest.fixture
def wire(server: Server) -> Wire:
    return Wire(server.url)


@pytest.fixture(scope="module")
def signed() -> Generator[Server]:
    with serving(LESSON, *TOKENS, "--max-owned", "3", "--max-tasks", "5", "--ttl", "600") as server:
        yield server


def test_the_capability_is_in_server_discover(wire: Wire) -> None:
    told = wire.ask("server/discover")
    assert told["capabilities"]["extensions"] == {TASKS: {}}
    assert told["supportedVersions"] == ["2026-07-28"]


def test_a_call_is_answered_by_a_handle_that_can_be_asked_for_at_once(wire: Wire) -> None:
    handle = wire.call(interval=0.2)
    assert handle["resultType"] == "task"
    assert re.fullmatch("[0-9a-f]{32}", handle["taskId"]), "128 random bits"
    assert handle["status"] == "working"
    assert handle["pollIntervalMs"] == 150
    assert handle["ttlMs"] == 3_600_000
    for moment in ("createdAt", "lastUpdatedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", handle[moment])
    told = wire.get(handle["taskId"])
    assert told["resultType"] == "complete"
    assert told["taskId"] == handle["taskId"]


def test_a_completed_task_has_the_result_of_its_call(wire: Wire) -> None:
    told = wire.until(wire.begin(), "completed")
    assert text_of(told) == "demo: built in 3 steps"
    assert told["result"]["isError"] is False
    assert "error" not in told
    assert "inputRequests" not in told


def test_a_tools_own_error_is_completed_and_not_failed(wire: Wire) -> None:
    told = wire.until(wire.begin(steps=0), "completed", "failed")
    assert told["status"] == "completed"
    assert told["result"]["isError"] is True


def test_who_does_not_declare_is_given_the_answer_and_no_handle(server: Server) -> None:
    plain = Wire(server.url, declares=False)
    told = plain.call()
    assert told["resultType"] == "complete"
    assert told["content"][0]["text"] == "demo: built in 3 steps"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_who_does_not_declare_in_this_request_is_told_what_is_missing(
    server: Server, wire: Wire, method: str
) -> None:
    task = wire.begin()  # declared in another request, which does not count
    answers: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
    answer = Wire(server.url, declares=False).post(method, taskId=task, **answers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def test_a_call_that_needs_a_task_is_refused_without_one(server: Server) -> None:
    plain = Wire(server.url, declares=False)
    error = plain.refused("tools/call", name=TOOL, arguments={"approval": True})
    assert error["code"] == -32021
    assert error["data"] == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def test_listening_to_tasks_needs_the_extension_too(server: Server, wire: Wire) -> None:
    task = wire.begin()
    error = Wire(server.url, declares=False).refused(
        "subscriptions/listen", notifications={"taskIds": [task]}
    )
    assert error["code"] == -32021


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_unknown_and_foreign_look_alike(signed: Server, method: str) -> None:
    ada, eve = Wire(signed.url, "sesame"), Wire(signed.url, "poppy")
    task = ada.begin(call="one for all of these")
    answers: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
    foreign, unknown = (eve.post(method, taskId=name, **answers) for name in (task, "0" * 32))
    assert foreign.status_code == unknown.status_code == 400
    assert foreign.json() == unknown.json()
    assert foreign.json()["error"]["code"] == -32602
    logs = [eve.refused("resources/read", uri=f"build://{name}/log/0") for name in (task, "0" * 32)]
    assert [log["code"] for log in logs] == [-32602, -32602]
    assert logs[0]["message"] == logs[1]["message"]
    assert ada.until(task, "completed"), "and eve has not cancelled it"
    with eve.listening(taskIds=[task], resourceSubscriptions=[f"build://{task}/log"]) as heard:
        agreed, end = list(heard)
    assert agreed["params"]["notifications"] == {}, "nothing of another's is agreed to"
    assert "result" in end


def test_nobody_comes_in_without_a_token(signed: Server) -> None:
    assert Wire(signed.url).post("server/discover").status_code == 401
    assert Wire(signed.url, "guess").post("server/discover").status_code == 401


def test_ones_share_does_not_stop_anothers(signed: Server) -> None:
    ada, eve = Wire(signed.url, "sesame"), Wire(signed.url, "poppy")
    refused = None
    for number in range(4):
        answer = ada.post("tools/call", name=TOOL, arguments={"steps": 1, "interval": 0})
        if "error" in answer.json():
            refused = answer.json()["error"]
            assert number <= 3
            break
    assert refused
    assert refused["code"] == -32010
    assert "--max-owned" in refused["message"]
    assert eve.begin()


def test_a_call_that_is_sent_twice_is_one_task(wire: Wire) -> None:
    assert wire.begin("mine") == wire.begin("mine") != wire.begin("another")


def test_an_expired_task_is_unknown_and_its_log_is_gone(tmp_path: Path) -> None:
    file = str(tmp_path / "tasks.db")
    with serving(LESSON, "--ttl", "1", "--lease", "1", "--store", "sqlite", "--file", file) as server:
        wire = Wire(server.url)
        handle = wire.call()
        task = handle["taskId"]
        assert handle["ttlMs"] == 1000
        wire.until(task, "completed")
        until = time.monotonic() + 20
        while (answer := wire.post("tasks/get", taskId=task)).status_code == 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert answer.json() == wire.post("tasks/get", taskId="0" * 32).json()
        assert wire.refused("resources/read", uri=f"build://{task}/log/0")["code"] == -32602


def test_a_question_stands_until_it_is_answered_and_an_answer_counts_once(wire: Wire) -> None:
    task = wire.begin(approval=True)
    told = wire.until(task, "input_required")
    assert list(told["inputRequests"]) == ["publish"]
    asked = told["inputRequests"]["publish"]
    assert asked["method"] == "elicitation/create"
    assert asked["params"]["message"] == "Publish demo?"
    assert wire.get(task)["inputRequests"] == told["inputRequests"], "the same at each poll"
    acknowledged = wire.ask("tasks/update", taskId=task, inputResponses={"another": YES})
    assert acknowledged["resultType"] == "complete"
    assert wire.get(task)["status"] == "input_required", "a key that is not outstanding is ignored"
    wire.ask("tasks/update", taskId=task, inputResponses={"publish": YES})
    no = {"action": "decline"}
    wire.ask("tasks/update", taskId=task, inputResponses={"publish": no})
    assert text_of(wire.until(task, "completed")) == "demo: built in 3 steps"
    assert numbers(wire.log(task)) == [1, 2, 3]


def test_a_question_may_be_declined(wire: Wire) -> None:
    task = wire.begin(approval=True)
    wire.until(task, "input_required")
    wire.ask("tasks/update", taskId=task, inputResponses={"publish": {"action": "decline"}})
    assert text_of(wire.until(task, "completed")) == "demo: not published"


def test_a_cancelled_task_stays_cancelled(wire: Wire) -> None:
    task = wire.begin(steps=40, interval=0.05)
    assert wire.ask("tasks/cancel", taskId=task)["resultType"] == "complete"
    assert wire.get(task)["status"] == "cancelled"
    done = len(wire.log(task))
    time.sleep(0.2)  # the tool hears of it at its next note
    assert len(wire.log(task)) == done
    assert wire.ask("tasks/cancel", taskId=task)["resultType"] == "complete"
    assert "result" not in wire.get(task)


def test_a_lost_connection_cancels_nothing(wire: Wire) -> None:
    """Each request has a connection of its own here, and loses it when it is answered."""
    task = wire.begin(steps=10, interval=0.05)
    again = Wire(wire.url)
    assert text_of(again.until(task, "completed")) == "demo: built in 10 steps"
    runs = {line[-8:] for line in again.log(task)}
    assert len(runs) == 1, "the tool ran once"


def test_the_log_is_read_after_a_cursor(wire: Wire) -> None:
    task = wire.begin(steps=5)
    wire.until(task, "completed")
    for after in range(6):
        assert numbers(wire.log(task, after)) == list(range(after + 1, 6))
    for nonsense in ("6", "-1", "x", "99999999999999999999"):
        assert wire.post("resources/read", uri=f"build://{task}/log/{nonsense}").status_code in (200, 400)
        assert wire.refused("resources/read", uri=f"build://{task}/log/{nonsense}")


def test_whoever_listens_first_and_reads_then_has_each_line_once(wire: Wire) -> None:
    """Over as many cuts as one likes: here after each second line."""
    task, lines = wire.begin(steps=12, interval=0.05), list[str]()
    while len(lines) < 12:
        with wire.listening(resourceSubscriptions=[f"build://{task}/log"]) as heard:
            agreed = next(heard)
            assert agreed["method"] == "notifications/subscriptions/acknowledged"
            lines += wire.log(task, len(lines))
            before = len(lines)
            for message in heard:
                if "result" in message or len(lines) >= before + 2:
                    break
                lines += wire.log(task, len(lines))
    assert numbers(lines) == list(range(1, 13))


def test_a_listener_is_told_the_whole_task_and_the_stream_ends_with_it(wire: Wire) -> None:
    task = wire.begin(steps=4, interval=0.05)
    with wire.listening(taskIds=[task]) as heard:
        agreed, *told, end = list(heard)
    assert agreed["params"]["notifications"] == {"taskIds": [task]}
    assert {message["method"] for message in told} == {"notifications/tasks"}
    assert end["result"]["resultType"] == "complete"
    last = told[-1]["params"]
    assert last.pop("_meta") == {"io.modelcontextprotocol/subscriptionId": 1}
    now = wire.get(task)
    assert {**now, "resultType": "", "_meta": ""} == {**last, "resultType": "", "_meta": ""}


def test_too_many_listeners_are_refused_and_polling_goes_on(wire: Wire, server: Server) -> None:
    task = wire.begin(steps=30, interval=0.1)
    log = [f"build://{task}/log"]
    with wire.listening(resourceSubscriptions=log) as one, wire.listening(resourceSubscriptions=log) as two:
        assert next(one)["method"] == next(two)["method"] == "notifications/subscriptions/acknowledged"
        error = wire.refused("subscriptions/listen", notifications={"resourceSubscriptions": log})
        assert error["code"] == -32010
        assert "--max-listeners" in error["message"]
        assert wire.get(task)["status"] == "working"
    wire.ask("tasks/cancel", taskId=task)


def test_a_log_that_is_full_ends_the_tool_aloud(wire: Wire) -> None:
    told = wire.until(wire.begin(steps=51), "completed")
    assert told["result"]["isError"] is True
    assert "--max-lines" in text_of(told)


def test_a_task_that_grows_too_large_ends_aloud(wire: Wire) -> None:
    task = wire.begin(approval=True)
    wire.until(task, "input_required")
    large = {"action": "accept", "content": {"approve": True, "why": "x" * 6000}}
    error = wire.refused("tasks/update", taskId=task, inputResponses={"publish": large})
    assert error["code"] == -32010
    assert "--max-bytes" in error["message"]
    assert wire.get(task)["status"] == "input_required"
    wire.ask("tasks/cancel", taskId=task)


def test_too_many_questions_are_refused_aloud(wire: Wire) -> None:
    waiting = [wire.begin(approval=True) for _ in range(2)]
    for task in waiting:
        wire.until(task, "input_required")
    told = wire.until(wire.begin(approval=True), "completed")
    assert told["result"]["isError"] is True
    assert "--max-waiting" in text_of(told)
    for task in waiting:
        wire.ask("tasks/cancel", taskId=task)
    wire.until(one := wire.begin(approval=True), "input_required")
    wire.ask("tasks/cancel", taskId=one)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tasks/get", {}),
        ("tasks/get", {"taskId": 7}),
        ("tasks/get", {"taskId": "x" * 1000}),
        ("tasks/update", {"taskId": "x"}),
        ("tasks/update", {"taskId": "x", "inputResponses": {"publish": {"action": "maybe"}}}),
        ("subscriptions/listen", {"notifications": {"taskIds": "all"}}),
        ("subscriptions/listen", {}),
        ("tools/call", {"name": TOOL, "meta": {"com.example/call": ["x"]}}),
    ],
)
def test_nonsense_gets_a_clear_4xx(wire: Wire, method: str, params: dict[str, object]) -> None:
    answer = wire.post(method, **params)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == -32602


def test_the_endpoint_has_no_get_in_this_era(wire: Wire) -> None:
    headers = {"accept": "text/event-stream", "mcp-protocol-version": "2026-07-28"}
    assert httpx2.get(wire.url, headers=headers, trust_env=False).status_code == 405


def test_tasks_do_not_exist_in_the_other_era(server: Server) -> None:
    """Nor is a handle given there, whatever the client says that it knows."""
    headers = {"accept": "application/json, text/event-stream"}
    capabilities: dict[str, Any] = {"extensions": {TASKS: {}}}
    asked: dict[str, Any] = {"protocolVersion": "2025-11-25", "clientInfo": {"name": "t", "version": "1"}}
    params = asked | {"capabilities": capabilities}
    with httpx2.Client(timeout=30, headers=headers, trust_env=False) as http:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
        opened = http.post(server.url, json=body)
        http.headers["mcp-session-id"] = opened.headers["mcp-session-id"]
        http.headers["mcp-protocol-version"] = "2025-11-25"
        http.post(server.url, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = {"name": TOOL, "arguments": {"steps": 1, "interval": 0}}
        said = http.post(
            server.url, json={"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}
        ).text
        assert "built in 1 steps" in said
        assert "taskId" not in said
        asked_for = {"jsonrpc": "2.0", "id": 3, "method": "tasks/get", "params": {"taskId": "x"}}
        assert '"code":-32601' in http.post(server.url, json=asked_for).text


def test_many_at_once_have_each_their_own(wire: Wire) -> None:
    found: dict[int, str] = {}

    def one(number: int) -> None:
        own = Wire(wire.url)
        task = own.begin(project=f"p{number}", steps=4, interval=0.02)
        found[number] = text_of(own.until(task, "completed"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: f"p{number}: built in 4 steps" for number in range(8)}
