"""What one connection carries, told as facts: requests, responses, their events, and how it ended.

exchange  a request and its response
replayed  an event that the server already had when a GET named another one: such events come at once, without
          the pauses in which live ones are made. It is told by their time, so it is a guess, and a good one
pace      seconds between two live events of a stream
"""

import time
from collections import deque
from dataclasses import dataclass, field

from pydantic import JsonValue

from workshop.wire.http_messages import Headers, HttpMessages, value_of
from workshop.wire.in_words import in_words, short
from workshop.wire.record import Record, shortened
from workshop.wire.sse_events import Event, SseEvents

FIRST_PAUSE = 0.15  # seconds, at the most, from a GET's response to the first event of a replay
PAUSE = 0.03  # seconds, at the most, between two events of a replay
HIDDEN_TAIL = 4096  # bytes of an event that was cut


@dataclass
class Exchange:
    number: int
    method: str
    session: str | None
    names: str | None  # the event id that the request names
    body: bytearray = field(default_factory=bytearray)
    size: int = 0  # bytes of the response's body so far
    status: int = 0
    events: SseEvents | None = None
    came: list[float] = field(default_factory=list[float])  # when the newest live events came
    pause: float = FIRST_PAUSE  # a longer silence ends the replay
    silent_since: float = 0.0
    is_replaying: bool = False
    last_id: str | None = None

    @property
    def pace(self) -> float | None:
        return (self.came[-1] - self.came[0]) / (len(self.came) - 1) if len(self.came) > 1 else None


class Seen:
    """Which fact an event id names, in its session, and on which exchange it came."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.connections = 0
        self._events: dict[tuple[str | None, str], tuple[int, Exchange]] = {}

    def number_of(self, exchange: Exchange, event_id: str | None) -> int | None:
        found = self._events.get((exchange.session, event_id)) if event_id else None
        return found[0] if found else None

    def pace_of(self, exchange: Exchange) -> float | None:
        found = self._events.get((exchange.session, exchange.names)) if exchange.names else None
        return found[1].pace if found else None

    def add(self, exchange: Exchange, event_id: str, number: int) -> None:
        self._events.setdefault((exchange.session, event_id), (number, exchange))


class Conversation:
    def __init__(self, record: Record, run: int, seen: Seen, **told: JsonValue) -> None:
        self._record, self._run, self.seen = record, run, seen
        seen.connections += 1
        self._connection = seen.connections
        self._asked: deque[Exchange] = deque()  # whose responses have not ended
        self.up = HttpMessages(Requests(self), body_until_close=False)
        self.down = HttpMessages(Responses(self), body_until_close=True)
        self.tell("opened", **told)

    def tell(self, kind: str, **told: JsonValue) -> int:
        return self._record.add(self._run, kind, c=self._connection, **told)

    def shown(self, headers: Headers) -> JsonValue:
        return [[name, self._record.hidden.header(name, value)] for name, value in headers]

    # -- up

    def ask(self, exchange: Exchange) -> None:
        self._asked.append(exchange)

    def asked(self, exchange: Exchange, path: str, headers: JsonValue) -> None:
        text = shortened(bytes(exchange.body))
        told: dict[str, JsonValue] = {"text": in_words(text) if text else ""}
        if exchange.names is not None:
            told |= {"last_event_id": exchange.names, "names": self.seen.number_of(exchange, exchange.names)}
        self.tell(
            "request",
            r=exchange.number,
            method=exchange.method,
            path=path,
            headers=headers,
            body=text,
            **told,
        )

    # -- down

    def awaits(self) -> Exchange | None:
        return self._asked[0] if self._asked else None

    def answered(self) -> None:
        """The response has ended; one that asks for more, such as 100, is followed by another."""
        exchange = self._asked[0] if self._asked else None
        if exchange is None or exchange.status < 200:
            return
        self._asked.popleft()
        if exchange.events is None and not exchange.body:
            return
        if exchange.events is None:
            text = shortened(bytes(exchange.body))
            self.tell("body", r=exchange.number, body=text, size=exchange.size, text=in_words(text))
        else:
            self.tell("end", r=exchange.number, size=exchange.size)

    def came(self, exchange: Exchange, event: Event, now: float) -> None:
        raw, data = shortened(event.raw), "\n".join(event.data)
        if event.is_comment:
            self.tell("ping", r=exchange.number, text=short(" ".join(event.comments)), raw=raw)
            return
        is_priming = event.id is not None and not data
        words = "priming event" if is_priming else in_words(shortened(data.encode()))
        if event.id is None and not data:
            words = f"retry: {event.retry} ms"
        told: dict[str, JsonValue] = {}
        if exchange.is_replaying and now - exchange.silent_since > exchange.pause:
            exchange.is_replaying = False
        if exchange.is_replaying:
            exchange.silent_since, exchange.pause = now, min(exchange.pause, PAUSE)
        if event.id and (earlier := self.seen.number_of(exchange, event.id)):
            told["again"] = earlier
        if event.retry is not None:
            told["retry"] = event.retry
        number = self.tell(
            "event",
            r=exchange.number,
            id=event.id,
            body=shortened(data.encode()),
            raw=raw,
            size=event.size,
            text=words,
            priming=is_priming,
            replayed=exchange.is_replaying and not is_priming,
            resumed=exchange.names is not None,
            **told,
        )
        if not exchange.is_replaying and not is_priming:
            exchange.came = [*exchange.came[-15:], now]
        if event.id:
            exchange.last_id = event.id
            self.seen.add(exchange, event.id, number)

    def begins_replay(self, exchange: Exchange) -> None:
        pace = self.seen.pace_of(exchange)
        exchange.pause = min(FIRST_PAUSE, pace / 2) if pace else FIRST_PAUSE
        exchange.is_replaying, exchange.silent_since = True, time.perf_counter()
        if pace:  # until its own is known
            exchange.came = [exchange.silent_since - pace, exchange.silent_since]

    # -- the end

    def over(self, by: str, how: str) -> None:
        """Who ended it first, and how: `end` or `reset`. A response that was under way has been cut."""
        if by == "server" and how == "end":
            self.down.close()
        exchange = self._asked[0] if self._asked else None
        if exchange is None and not self.up.is_inside_head:
            self.tell("closed", by=by, how=how)
            return
        told: dict[str, JsonValue] = {"r": None, "inside": "request", "after": 0, "tail": "", "last_id": None}
        if exchange:
            left = exchange.events.left if exchange.events else b""
            inside = "head" if self.down.is_inside_head else "event" if left else "stream"
            if exchange.events is None and not self.down.is_inside_head:
                inside = "body" if exchange.status else "wait"
            told |= {
                "r": exchange.number,
                "inside": inside,
                "after": exchange.size,
                "tail": shortened(left[:HIDDEN_TAIL]),
                "tail_size": len(left),
                "last_id": exchange.last_id,
            }
        self.tell("cut", by=by, how=how, **told)


class Requests:
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._now: tuple[Exchange, str, JsonValue] | None = None

    def head(self, start: list[str], headers: Headers) -> bool:
        seen = self._conversation.seen
        seen.exchanges += 1
        session, names = value_of(headers, "mcp-session-id"), value_of(headers, "last-event-id")
        exchange = Exchange(seen.exchanges, start[0], session, names)
        self._now = (exchange, start[1], self._conversation.shown(headers))
        self._conversation.ask(exchange)
        return True

    def body(self, data: bytes) -> None:
        if self._now:
            self._now[0].body += data

    def end(self) -> None:
        if self._now:
            self._conversation.asked(*self._now)
            self._now[0].body.clear()
            self._now = None


class Responses:
    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def head(self, start: list[str], headers: Headers) -> bool:
        exchange = self._conversation.awaits()
        status = int(start[1]) if start[1].isdecimal() else 0
        is_stream = (value_of(headers, "content-type") or "").lower().startswith("text/event-stream")
        told: dict[str, JsonValue] = {}
        if worker := value_of(headers, "x-worker"):
            told["worker"] = worker
        if exchange:
            told["r"] = exchange.number
            exchange.status = status
            exchange.session = value_of(headers, "mcp-session-id") or exchange.session
            if is_stream:
                exchange.events = SseEvents()
                if exchange.names is not None:
                    self._conversation.begins_replay(exchange)
        shown = self._conversation.shown(headers)
        self._conversation.tell(
            "head", status=status, reason=start[2], headers=shown, stream=is_stream, **told
        )
        return bool(exchange) and exchange.method != "HEAD" and status >= 200 and status not in (204, 304)

    def body(self, data: bytes) -> None:
        exchange = self._conversation.awaits()
        if exchange is None:
            return
        exchange.size += len(data)
        if exchange.events is None:
            exchange.body += data
        else:
            events, now = list(exchange.events.feed(data)), time.perf_counter()
            if len(events) > 1:  # what comes in one piece is no live tail, however late it comes
                exchange.silent_since = now
            for event in events:
                self._conversation.came(exchange, event, now)

    def end(self) -> None:
        self._conversation.answered()
