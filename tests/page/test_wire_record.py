"""What the proxy reads: the same facts, however the bytes come in pieces; and nothing secret."""

import json
from itertools import pairwise

import pytest
from wire_page import without_times

from workshop.wire.conversation import Conversation, Seen
from workshop.wire.in_words import in_words
from workshop.wire.record import Fact, Record

SESSION = "5e551011" * 4
BODY = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "send_burst"}}
).encode()
POST = (
    b"POST /mcp HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer s3cret-token-of-mine\r\n"
    b"Mcp-Session-Id: %b\r\ncontent-length: %d\r\n\r\n%b" % (SESSION.encode(), len(BODY), BODY)
)
STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    b"26;x=y\r\n: ping\r\n\r\nretry: 10\r\nid: a-0\r\ndata:\r\n\r\r\n"
    b"26\r\n\nid: a-1\ndata: one\ndata: two\n\nid: a-2\n\r\n"
    b"11\r\ndata: <b>\xc3\xa4</b>\n\n\r\n0\r\nX-Trailer: 1\r\n\r\n"
)
GET = b"GET /mcp HTTP/1.1\r\nLast-Event-ID: a-1\r\nMcp-Session-Id: %b\r\n\r\n" % SESSION.encode()
MORE = b"HTTP/1.1 410 Gone\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def told(*pieces: tuple[str, bytes]) -> list[Fact]:
    record = Record()
    conversation = Conversation(record, 0, Seen(), p=1, to=2)
    for way, data in pieces:
        (conversation.up if way == "up" else conversation.down).feed(data)
    conversation.over("client", "end")
    return record.facts


def test_what_was_read_is_what_was_there() -> None:
    facts = told(("up", POST), ("down", CONTINUE + STREAM), ("up", GET), ("down", MORE))
    kinds = [fact["kind"] for fact in facts]
    assert kinds == [
        "opened", "request", "head", "head", "ping", "event", "event", "event", "end",
        "request", "head", "body", "closed",
    ]  # fmt: skip
    priming, first, second = (fact for fact in facts if fact["kind"] == "event")
    assert (priming["priming"], priming["id"], priming["retry"]) == (True, "a-0", "10")
    assert (first["body"], first["id"], second["body"]) == ("one\ntwo", "a-1", "<b>ä</b>")
    assert facts[1]["text"] == "tools/call send_burst"
    assert (facts[9]["last_event_id"], facts[9]["names"]) == ("a-1", first["n"])
    assert facts[10]["status"] == 410


def test_a_long_replay_is_a_replay_to_its_end() -> None:
    events = b"".join(b"id: a-%d\ndata: x\n\n" % number for number in range(2, 62))
    more = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + events
    facts = told(("up", POST), ("down", STREAM), ("up", GET), ("down", more))
    assert [fact["replayed"] for fact in facts if fact["kind"] == "event"][3:] == [True] * 60


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_pieces_make_no_difference(size: int) -> None:
    def cut(way: str, data: bytes) -> list[tuple[str, bytes]]:
        edges = [*range(0, len(data), size), len(data)]
        return [(way, data[start:end]) for start, end in pairwise(edges)]

    whole = told(("up", POST), ("down", STREAM), ("up", GET), ("down", MORE))
    in_pieces = told(*cut("up", POST), *cut("down", STREAM), *cut("up", GET), *cut("down", MORE))
    assert without_times(in_pieces) == without_times(whole)


def test_nothing_secret_is_kept() -> None:
    record = Record()
    conversation = Conversation(record, 0, Seen(), p=1, to=2)
    conversation.up.feed(POST)
    leaky = json.dumps({"result": f"{SESSION} s3cret-token-of-mine"}).encode()
    conversation.down.feed(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(leaky) + leaky)
    record.add(0, "said", p=1, text=f"session {SESSION} opened")
    kept = json.dumps(record.facts)
    assert SESSION not in kept
    assert "s3cret" not in kept
    assert kept.count("5e551011") == 3


def test_a_full_record_says_so() -> None:
    record = Record(most=3)
    numbers = [record.add(0, "said", p=1, text=str(number)) for number in range(5)]
    assert numbers == [1, 2, 3, 0, 0]
    assert record.facts[-1]["kind"] == "full"


@pytest.mark.parametrize("nonsense", ["", "[", "[" * 100_000, "null", '{"method": 7}', '{"params": []}'])
def test_any_body_has_words(nonsense: str) -> None:
    assert len(in_words(nonsense)) <= 70
