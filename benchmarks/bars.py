"""The ratios that lesson 07 is to keep: they are shown, and never decide how a run ends."""

from dataclasses import dataclass

import servers
import stores
from server_rows import MISSED, ServerRow
from store_rows import StoreRow

SAME = 1.5  # nobody measures 1 on a noisy machine, and what a small store holds lies in the processor's cache


@dataclass(frozen=True)
class Bar:
    what: str
    ratio: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def wanted(self) -> str:
        return f"at least {self.at_least:g}" if self.at_most is None else f"at most {self.at_most:g}"

    @property
    def met(self) -> bool:
        return self.ratio <= (self.at_most or self.ratio) and self.ratio >= (self.at_least or 0)


def bars(store: dict[str, StoreRow], server: dict[str, ServerRow]) -> list[Bar]:
    ours, limit, example = store[stores.THIS], store[stores.LIMIT], store[stores.SDK]
    here, sdk, bare = server[servers.THIS], server[servers.SDK], server[servers.EACH]
    few, many = min(ours.replay), max(ours.replay)
    replay = max(ours.replay[kept] / limit.replay[kept] for kept in ours.replay)
    return [
        Bar("record, beside the bare deque", ours.record / limit.record, at_most=5),
        Bar("record, beside the SDK's example store", ours.record / example.record, at_most=1),
        Bar("replay, beside the bare deque, at its worst", replay, at_most=8),
        Bar(
            "replay, with the most kept beside the fewest", ours.replay[many] / ours.replay[few], at_most=SAME
        ),
        Bar("to one listener, beside the SDK server", here.to_one / sdk.to_one, at_least=3),
        Bar("to many listeners, beside the SDK server", here.to_many / sdk.to_many, at_least=3),
        Bar("to one listener, beside uvicorn, one send each", here.to_one / bare.to_one, at_least=0.5),
        Bar("to many listeners, beside uvicorn, one send each", here.to_many / bare.to_many, at_least=0.5),
        Bar(f"last of {MISSED:,} missed, beside the SDK server", here.last / sdk.last, at_most=0.5),
    ]
