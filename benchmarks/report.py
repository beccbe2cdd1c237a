"""What was measured, as tables and as panels of the chart.

reference  what the numbers of a table are held against: their ratio to it stands in brackets
"""

from rich.box import SIMPLE_HEAD
from rich.table import Table

import servers
import stores
from bars import Bar
from chart import Panel, number
from server_rows import MISSED, Load, ServerRow
from store_rows import StoreRow

MICRO, MILLI = 1e6, 1e3


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("", no_wrap=True)
    for column in columns:
        made.add_column(column, justify="right", no_wrap=True)
    return made


def beside(value: float, reference: float, unit: float = 1) -> str:
    return f"{number(value * unit)} ({number(value / reference)}x)"


def store_table(rows: list[StoreRow]) -> Table:
    limit = next(row for row in rows if row.name == stores.LIMIT)
    columns = [f"replay 10,\n{kept:,} kept" for kept in limit.replay]
    made = table("Stores, µs and bytes (beside the bare deque)", "record", *columns, "bytes each")
    for row in rows:
        cells = [beside(row.record, limit.record, MICRO)]
        cells += [beside(row.replay[kept], limit.replay[kept], MICRO) for kept in row.replay]
        cells += [beside(row.bytes_each, limit.bytes_each)]
        made.add_row(row.name, *cells, style="bold green" if row.name == stores.THIS else None)
    return made


def server_table(rows: list[ServerRow], load: Load) -> Table:
    sdk = next(row for row in rows if row.name == servers.SDK)
    columns = ["messages/s,\none listener", f"messages/s,\n{load.listeners} listeners"]
    columns += [f"ms to first\nof {MISSED:,} missed", f"ms to last\nof {MISSED:,} missed"]
    made = table("Servers (beside the SDK server)", *columns)
    for row in rows:
        cells = [beside(row.to_one, sdk.to_one), beside(row.to_many, sdk.to_many)]
        cells += [beside(row.first, sdk.first, MILLI), beside(row.last, sdk.last, MILLI)]
        made.add_row(row.name, *cells, style="bold green" if row.name == servers.THIS else None)
    return made


def bar_table(found: list[Bar]) -> Table:
    made = table("Bars of lesson 07", "ratio", "wanted", "")
    for bar in found:
        word, style = ("met", None) if bar.met else ("missed", "bold red")
        made.add_row(bar.what, number(bar.ratio), bar.wanted, word, style=style)
    return made


def panels(store: list[StoreRow], server: list[ServerRow], load: Load) -> list[Panel]:
    many, more = max(store[0].replay), "longer is better"
    return [
        Panel("Record an event, µs", {row.name: row.record * MICRO for row in store}),
        Panel(f"Replay the last 10 of {many:,} kept, µs", {r.name: r.replay[many] * MICRO for r in store}),
        Panel("One listener, messages a second", {row.name: row.to_one for row in server}, more),
        Panel(f"{load.listeners} listeners, messages a second", {r.name: r.to_many for r in server}, more),
        Panel("An event of 200 bytes keeps, bytes", {row.name: row.bytes_each for row in store}),
        Panel(f"Resumed, to the last of {MISSED:,} missed, ms", {r.name: r.last * MILLI for r in server}),
    ]
