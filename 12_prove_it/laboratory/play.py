"""A play: a call of the tool, or some at once, on streams that are cut as planned, and resumed.

blind   a stream that was lost before its first id came: nobody can resume that, and it proves nothing
deaf    one on which nothing more came until the client connected once again
values  the messages that a call has caused; the rest is noise
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from laboratory.events import messages
from laboratory.oracle import Oracle, is_noise
from laboratory.session import Session
from laboratory.stream import Event, Stream, Token
from laboratory.wire import Cut

SURELY = 0.8  # of the shortest uncut run

Cuts = Mapping[str, Sequence[Cut]]  # by the stream: "POST", "GET", and of further calls "POST 2", ...


@dataclass
class Play:
    session: Session
    oracle: Oracle
    posts: list[Stream]
    get: Stream
    deaf: set[str] = field(default_factory=set[str])
    late: dict[str, float] = field(
        default_factory=dict[str, float]
    )  # seconds that a resumed stream stood still
    blind: set[str] = field(default_factory=set[str])
    called: float = 0.0  # when
    wholes: dict[str, list[str] | None] = field(default_factory=dict[str, list[str] | None])  # see `Lab`

    @property
    def post(self) -> Stream:
        return self.posts[0]

    @property
    def token(self) -> Token:
        return self.post.tokens[0]

    @property
    def streams(self) -> dict[str, Stream]:
        return {"POST": self.post, "GET": self.get} | {
            f"POST {n}": stream for n, stream in enumerate(self.posts[1:], 2)
        }

    def early(self, times: Sequence[float]) -> int:
        """How many of these times were surely before the tool had ended."""
        return sum(time - self.called < SURELY * self.oracle.shortest for time in times)

    def due(self, name: str) -> list[str]:
        """What is due on one of its streams; on the standing one, what all calls send."""
        if (whole := self.wholes.get(name)) is not None:
            return [self.oracle.plain(self.streams[name].own(data)) for data in whole if not all_noise(data)]
        if name == "GET":
            return self.oracle.due.get("GET", []) * len(self.posts)
        return self.oracle.due.get("POST", [])

    def evidence(self) -> str:
        return "\n".join(stream.evidence() for stream in self.streams.values())


def values(stream: Stream) -> list[Event]:
    """The events of a stream that a call has caused."""
    return [event for event in stream.events if not all_noise(event.data)]


def all_noise(data: str) -> bool:
    told = messages(data)
    return bool(told) and all(is_noise(message) for message in told)
