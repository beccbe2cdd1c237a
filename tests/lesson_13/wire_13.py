"""Lesson 13 on the bare wire: each request is complete in itself, and says what its client knows."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx2

from processes import PATIENCE

ERA, META, TASKS = "2026-07-28", "io.modelcontextprotocol", "io.modelcontextprotocol/tasks"
TOOL = "build_project"
YES = {"action": "accept", "content": {"approve": True}}


class Wire:
    def __init__(self, url: str, token: str = "", *, declares: bool = True) -> None:
        self.url, self.declares = url, declares
        self.signed = {"authorization": f"Bearer {token}"} if token else dict[str, str]()

    def request(self, method: str, params: dict[str, Any], **meta: object) -> dict[str, Any]:
        capabilities: dict[str, Any] = {"extensions": {TASKS: {}}} if self.declares else {}
        known: dict[str, Any] = {
            f"{META}/protocolVersion": ERA,
            f"{META}/clientInfo": {"name": "test", "version": "1"},
            f"{META}/clientCapabilities": capabilities,
        }
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": {**known, **meta}}}

    def headers(self, method: str, params: dict[str, Any]) -> dict[str, str]:
        name = params.get("taskId") or params.get("name") or params.get("uri") or ""
        told = {"accept": "application/json, text/event-stream", "mcp-protocol-version": ERA}
        return self.signed | told | {"mcp-method": method} | ({"mcp-name": str(name)} if name else {})

    def post(self, method: str, **params: Any) -> httpx2.Response:
        meta = params.pop("meta", {})
        body = self.request(method, params, **meta)
        return httpx2.post(
            self.url, json=body, headers=self.headers(method, params), timeout=PATIENCE, trust_env=False
        )

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self.post(method, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def refused(self, method: str, **params: Any) -> dict[str, Any]:
        return self.post(method, **params).json()["error"]

    def call(self, call: str = "", **arguments: Any) -> dict[str, Any]:
        arguments = {"steps": 3, "interval": 0} | arguments
        meta = {"com.example/call": call} if call else {}
        return self.ask("tools/call", name=TOOL, arguments=arguments, meta=meta)

    def begin(self, call: str = "", **arguments: Any) -> str:
        return self.call(call, **arguments)["taskId"]

    def get(self, task: str) -> dict[str, Any]:
        return self.ask("tasks/get", taskId=task)

    def until(self, task: str, *statuses: str) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while (told := self.get(task))["status"] not in statuses:
            assert time.monotonic() < until, told
            time.sleep(0.03)
        return told

    def log(self, task: str, after: int = 0) -> list[str]:
        told = self.ask("resources/read", uri=f"build://{task}/log/{after}")
        return json.loads(told["contents"][0]["text"])["lines"]

    @contextmanager
    def listening(self, **notifications: Any) -> Generator[Generator[dict[str, Any]]]:
        """The messages of a `subscriptions/listen`, the response of which is the last."""
        params = {"notifications": notifications}
        method = "subscriptions/listen"
        body, headers = self.request(method, params), self.headers(method, params)
        with (
            httpx2.Client(timeout=PATIENCE, trust_env=False) as http,
            http.stream("POST", self.url, json=body, headers=headers) as response,
        ):

            def messages() -> Generator[dict[str, Any]]:
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        yield json.loads(line[6:])

            yield messages()


def numbers(lines: list[str]) -> list[int]:
    return [int(line.split()[0]) for line in lines]


def text_of(told: dict[str, Any]) -> str:
    return told["result"]["content"][0]["text"]
