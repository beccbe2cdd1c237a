"""The lanes on a terminal: time downwards, a line for each fact, 80 columns wide.

client ┃, connections │ and servers ┃ are columns; what passes between them is an arrow with a mark
"""

import textwrap
from collections.abc import Callable, Iterator

from pydantic import JsonValue
from rich.console import Console
from rich.text import Text

from workshop.wire.in_words import short
from workshop.wire.record import Fact, Record

CONNECTIONS, SERVERS = 5, 3  # columns; who comes later shares the last one
FIRST, STEP = 2, 2
SERVER = FIRST + STEP * CONNECTIONS + 1
WIDTH = SERVER + STEP * SERVERS
SAID = WIDTH + 10  # where a line's words begin
PLAIN = str.maketrans("┃│─┼◀▶●■◇○✕·┴↑…", "|:-+<>*#oOx.'^.")
LEGEND = "● live  ■ replayed  ◇ priming event  ✕ cut  ↑ when the named event came"
COLOURS = {
    "live": "green",
    "replayed": "yellow",
    "priming": "blue",
    "bad": "bold red",
    "act": "bold",
    "dim": "dim",
}


class Lane:
    """Columns, and who uses them: one at a time, except the last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._column_of: dict[str, int] = {}

    def take(self, name: str) -> None:
        free = (column for column in range(self._most) if column not in self.used())
        self._column_of[name] = next(free, self._most - 1)

    def used(self) -> set[int]:
        return set(self._column_of.values())

    def of(self, name: str) -> int | None:
        return self._column_of.get(name)

    def leave(self, name: str) -> None:
        self._column_of.pop(name, None)


def text_of(value: JsonValue) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


class Lanes:
    """What one fact after the other looks like, as lines without an end."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._clients: set[str] = set()
        self._connections, self._servers = Lane(CONNECTIONS), Lane(SERVERS)
        self._port_of: dict[str, str] = {}  # of a connection
        self._program_at: dict[str, str] = {}  # a port
        self._answers: dict[str, str] = {}  # which worker, by exchange
        self._came: dict[int, float] = {}  # an event, by fact
        self._waiting: Fact | None = None  # a response's head, until its body is there
        self._missed = 0

    def lines(self, fact: Fact) -> Iterator[Text]:
        """None for most facts that only change the lanes."""
        kind = text_of(fact["kind"])
        if self._waiting and not (kind == "body" and fact["r"] == self._waiting["r"]):
            head, self._waiting = self._waiting, None
            yield self._answer(head, text_of(head["reason"]))
        if self._missed and not (kind == "event" and fact["replayed"]):
            told = f"{self._missed} came that the server had kept meanwhile"
            self._missed = 0
            yield self._line(fact, self._graph(), told, "replayed")
        draw: Callable[[Fact], Text | None] | None = getattr(self, f"_{kind}", None)
        if draw and (line := draw(fact)):
            yield line

    def _line(self, fact: Fact, graph: list[str], text: str, style: str = "") -> Text:
        time = fact["t"] if isinstance(fact["t"], float | int) else 0.0
        told = Text(f"{time:8.3f} ", "dim")
        colour = COLOURS.get(style, "")
        told.append("".join(graph), colour)
        told.append(f" {short(text, max(10, self._width - len(told) - 1))}", colour)
        return told

    def _graph(self) -> list[str]:
        graph = [" "] * WIDTH
        graph[0] = "┃" if self._clients else " "
        for column in self._connections.used():
            graph[FIRST + STEP * column] = "│"
        for column in self._servers.used():
            graph[SERVER + STEP * column] = "┃"
        return graph

    def _arrow(self, fact: Fact, mark: str, *, up: bool) -> list[str]:
        """From the client to the server that the connection leads to, or back."""
        graph = self._graph()
        end = SERVER + STEP * self._server_of(fact)
        for place in range(1, end):
            graph[place] = "┼" if graph[place] in "│┃" else "─"
        graph[end - 1 if up else 1] = "▶" if up else "◀"
        graph[self._at(fact)] = mark
        return graph

    def _at(self, fact: Fact) -> int:
        return FIRST + STEP * (self._connections.of(text_of(fact["c"])) or 0)

    def _server_of(self, fact: Fact) -> int:
        worker = self._answers.get(text_of(fact.get("r")), "")
        program = self._program_at.get(self._port_of.get(text_of(fact["c"]), ""), "")
        return next((at for by in (worker, program) if (at := self._servers.of(by)) is not None), 0)

    # -- a line, or a change of lanes, for each kind of fact

    def _act(self, fact: Fact) -> Text:
        return self._line(fact, self._graph(), text_of(fact["text"]), "act")

    def _program(self, fact: Fact) -> Text:
        name = text_of(fact["p"])
        if fact["side"] == "server":
            self._servers.take(name)
        else:
            self._clients.add(name)
        arguments = fact["arguments"] if isinstance(fact["arguments"], list) else []
        told = f"{fact['whose']} starts: {' '.join(map(text_of, arguments))}"
        return self._line(fact, self._graph(), told, "dim")

    def _listens(self, fact: Fact) -> None:
        self._program_at[text_of(fact["port"])] = text_of(fact["p"])

    def _gone(self, fact: Fact) -> Text:
        name = text_of(fact["p"])
        is_client = name in self._clients
        self._clients.discard(name)
        self._servers.leave(name)
        if not is_client:
            return self._line(fact, self._graph(), "server ends", "dim")
        style = "live" if fact["code"] == 0 else "bad"
        line = self._line(fact, self._graph(), f"client ends, exit code {fact['code']}", style)
        said = " ".join(text_of(fact["text"]).split())
        for part in textwrap.wrap(said, self._width - SAID):
            line.append(f"\n{'':{SAID}}{part}", COLOURS[style])
        return line

    def _opened(self, fact: Fact) -> None:
        name = text_of(fact["c"])
        self._connections.take(name)
        self._port_of[name] = text_of(fact["to"])

    def _closed(self, fact: Fact) -> None:
        self._connections.leave(text_of(fact["c"]))

    def _request(self, fact: Fact) -> Text:
        told = f"{fact['method']} {fact['text']}"
        if "last_event_id" in fact:
            told = f"GET Last-Event-ID: {fact['last_event_id']}"
            if isinstance(named := fact.get("names"), int) and named in self._came:
                told += f" ↑{self._came[named]:.3f}"
        return self._line(fact, self._arrow(fact, "●", up=True), told)

    def _head(self, fact: Fact) -> Text | None:
        if worker := text_of(fact.get("worker")):
            if self._servers.of(worker) is None:
                self._servers.take(worker)
            self._answers[text_of(fact.get("r"))] = worker
        if not fact["stream"] and "r" in fact:
            self._waiting = fact
            return None
        by = f", from worker {worker}" if worker else ""
        return self._answer(fact, f"a stream opens{by}" if fact["stream"] else text_of(fact["reason"]))

    def _body(self, fact: Fact) -> Text | None:
        head, self._waiting = self._waiting, None
        return self._answer(head, text_of(fact["text"])) if head else None

    def _answer(self, head: Fact, told: str) -> Text:
        is_bad = isinstance(head["status"], int) and head["status"] >= 400
        text = f"{head['status']} {told}"
        return self._line(head, self._arrow(head, "○", up=False), text, "bad" if is_bad else "")

    def _event(self, fact: Fact) -> Text:
        style = "priming" if fact["priming"] else "replayed" if fact["replayed"] else "live"
        if isinstance(fact["n"], int) and isinstance(fact["t"], float):
            self._came[fact["n"]] = fact["t"]
        again = "again" in fact and not fact["priming"]
        self._missed += style == "replayed" and not again
        told = f"{text_of(fact['id'])} {fact['text']}{' (seen before)' if again else ''}"
        mark = {"priming": "◇", "replayed": "■", "live": "●"}[style]
        return self._line(fact, self._arrow(fact, mark, up=False), told, "bad" if again else style)

    def _ping(self, fact: Fact) -> Text:
        graph = self._graph()
        graph[self._at(fact)] = "·"
        return self._line(fact, graph, "ping", "dim")

    def _end(self, fact: Fact) -> Text:
        graph = self._graph()
        graph[self._at(fact)] = "┴"
        return self._line(fact, graph, "the stream ends", "dim")

    def _cut(self, fact: Fact) -> Text:
        graph = self._graph()
        graph[self._at(fact)] = "✕"
        self._connections.leave(text_of(fact["c"]))
        inside = " inside an event" if fact["inside"] == "event" else ""
        after = f" after {fact['last_id']}" if fact["last_id"] else ""
        how = "reset" if fact["how"] == "reset" else "cut"
        return self._line(fact, graph, f"{how} by the {fact['by']}{inside}{after}", "bad")

    def _refused(self, fact: Fact) -> Text:
        return self._line(fact, self._graph(), "nobody answers: the server is away", "bad")

    def _killed(self, fact: Fact) -> Text:
        graph, pid = self._graph(), text_of(fact["pid"])
        if (column := self._servers.of(pid)) is not None:
            graph[SERVER + STEP * column] = "✕"
            self._servers.leave(pid)
        return self._line(fact, graph, text_of(fact["text"]), "bad")

    def _full(self, fact: Fact) -> Text:
        return self._line(fact, self._graph(), text_of(fact["text"]), "bad")


async def draw(record: Record, console: Console) -> None:
    """Until the run is over."""
    lanes, seen = Lanes(min(console.width, 120)), 0
    is_plain = not (console.encoding or "").lower().startswith("utf")

    def show(line: Text) -> None:
        console.print(Text(line.plain.translate(PLAIN)) if is_plain else line, soft_wrap=True)

    show(Text(f"{'':9}{'client':<8}{'wire':<5}server    {LEGEND if console.width >= 100 else ''}", "bold"))
    if console.width < 100:
        show(Text(f"{'':9}{LEGEND}", "dim"))
    while True:
        changed = record.changed
        for fact in record.facts[seen:]:
            seen += 1
            if fact["run"] != 0:
                continue
            for line in lanes.lines(fact):
                show(line)
            if fact["kind"] == "over":
                return
        await changed.wait()
