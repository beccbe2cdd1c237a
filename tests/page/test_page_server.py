"""The page's own stream keeps our laws, and its server lets in only the page."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

import httpx
import pytest
from wire_page import PATIENCE

from workshop.wire.record import Record
from workshop.wire.saved import as_page
from workshop.wire.serving import served


@asynccontextmanager
async def page(facts: int) -> AsyncGenerator[tuple[Record, httpx.AsyncClient, list[int]]]:
    """A record of so many facts, its page, and which rows were asked to be broken."""
    record, asked = Record(), list[int]()
    for number in range(facts):
        record.add(0, "said", p=1, text=f"line {number}")

    async def break_it(row: int) -> str | None:
        asked.append(row)
        return "There is no such row." if row > 9 else None

    async with (
        asyncio.timeout(PATIENCE),
        served(record, break_it) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE) as http,
    ):
        yield record, http, asked


async def read(http: httpx.AsyncClient, count: int, last: str | None = None) -> list[tuple[str, int]]:
    """So many events, and then a cut."""
    came: list[tuple[str, int]] = []
    headers = {"last-event-id": last} if last else {}
    async with http.stream("GET", "/live", headers=headers) as response:
        assert response.status_code == 200
        event_id = ""
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                event_id = value
            elif name == "data":
                came.append((event_id, json.loads(value)["n"]))
            if len(came) == count:
                break
    return came


def played(play: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(play())


def test_who_was_cut_goes_on_where_it_was() -> None:
    async def play() -> None:
        async with page(700) as (record, http, _):
            first = await read(http, 3)
            rest = asyncio.create_task(read(http, 700, first[-1][0]))
            await asyncio.sleep(0)
            for number in range(3):
                record.add(0, "said", p=1, text=f"later {number}")
            numbers = [number for _, number in first + await rest]
            assert numbers == list(range(1, 704))

    played(play)


def test_what_cannot_be_resumed_is_refused_at_once() -> None:
    async def play() -> None:
        async with page(2) as (_, http, _):
            (newest,) = (await read(http, 2))[1:]
            run = newest[0].partition("-")[0]
            for wrong in ("nonsense", f"{run}-3", f"{run}--1", f"{run}-", "0123abcd-1", f"{run}-{'9' * 40}"):
                answer = await http.get("/live", headers={"last-event-id": wrong})
                assert answer.status_code == 410, wrong
                assert "begin without Last-Event-ID" in answer.text

    played(play)


@pytest.mark.parametrize("path", ["/", "/live", "/run.html", "/page.js"])
def test_another_sites_page_is_not_let_in(path: str) -> None:
    async def play() -> None:
        async with page(1) as (_, http, _):
            foreign: tuple[dict[str, str], ...] = (
                {"host": "evil.example"},
                {"origin": "http://evil.example"},
                {"origin": "null"},
                {"sec-fetch-site": "cross-site"},
            )
            for headers in foreign:
                answer = await http.get(path, headers=headers)
                assert answer.status_code in (400, 403), headers

    played(play)


def test_only_the_page_may_break_a_lesson() -> None:
    async def play() -> None:
        async with page(1) as (_, http, asked):
            own = str(http.base_url).rstrip("/")
            assert (await http.post("/break/2")).status_code == 403
            assert (await http.post("/break/2", headers={"origin": "http://localhost"})).status_code == 403
            assert (await http.get("/break/2", headers={"origin": own})).status_code == 405
            assert asked == []
            assert (await http.post("/break/2", headers={"origin": own})).status_code == 204
            assert (await http.post("/break/99", headers={"origin": own})).status_code == 409
            assert asked == [2, 99]
            assert "script-src 'self'" in (await http.get("/")).headers["content-security-policy"]

    played(play)


def test_a_saved_run_asks_nobody_and_holds_no_end_of_its_script() -> None:
    record = Record()
    record.add(0, "said", p=1, text="</script><script>alert(1)</script>")
    page = as_page(record.facts)
    assert "alert(1)</script>" not in page
    assert 'href="/page.css"' not in page
    assert 'src="/page.js"' not in page
    inside = page.partition('id="record">')[2].partition("</script>")[0]
    assert json.loads(inside) == record.facts
