"""The cable: carries TCP connections to one server, and does to them what networks do.

cut      every connection is reset, and no new one comes through, until it is restored
stall    nothing comes through, and nobody is told: the connections stay
slow     a few bytes a second come through
half     the next event that comes down is passed on to its middle, and then its connection is lost
flow     one direction of one connection; what it has taken in and not yet given out is in flight
"""

import asyncio
import re
import socket
import struct
import sys
from collections import deque
from enum import StrEnum

from plumbing.passing import Passing, shown
from plumbing.say import say

EVENT = re.compile(rb"id: ?([^\r\n]*)\r?\ndata: ?([^\r\n]*)\r?\n\r?\n")
LONGEST_EVENT = 100_000  # bytes in which the end of an event is looked for
CHUNK = 65536
MOST_IN_FLIGHT = 1_000_000  # bytes of one flow; a network, too, has an end
SHOWN = 200  # events
RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Action(StrEnum):
    CUT = "cut"
    RESTORE = "restore"
    SLOW = "slow"
    STALL = "stall"
    HALF = "half"


class State(StrEnum):
    OPEN = "open"
    SLOW = "slow"
    STALLED = "stalled"
    CUT = "cut"


BECOMES = {
    Action.CUT: State.CUT,
    Action.RESTORE: State.OPEN,
    Action.SLOW: State.SLOW,
    Action.STALL: State.STALLED,
}


class Cable:
    def __init__(self, to: int, speed: int) -> None:
        self.state = State.OPEN
        self.half = False  # the next event is dropped in its middle
        self.speed = speed
        self.flows: set[Flow] = set()
        self.passed = 0  # bytes, both ways
        self.events: deque[Passing] = deque(maxlen=SHOWN)
        self.number_of_events = 0
        self.first_connection = asyncio.Event()
        self.is_flowing = asyncio.Event()
        self.is_flowing.set()
        self.is_removed = False
        self._to = to
        self.changed = asyncio.Event()  # set at the next change, and then another one stands here

    @property
    def in_flight(self) -> int:
        return sum(len(flow.pending) for flow in self.flows)

    @property
    def connections(self) -> int:
        return sum(flow.is_down for flow in self.flows)

    def do(self, action: Action) -> None:
        if action is Action.HALF:
            self.half = True
            say("half", "the next event is passed on to its middle, and its connection lost")
        else:
            self.state = BECOMES[action]
            say(self.state, f"connections: {self.connections}, bytes in flight: {self.in_flight}")
        if self.state is State.STALLED:
            self.is_flowing.clear()
        else:
            self.is_flowing.set()
        if self.state is State.CUT:
            self.reset()
        self.tell()

    def reset(self) -> None:
        for flow in self.flows:
            flow.reset()

    def remove(self) -> None:
        """End everything, and whoever waits for news."""
        self.is_removed = True
        self.is_flowing.set()
        self.reset()
        self.tell()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def saw(self, event_id: bytes, data: bytes) -> None:
        self.number_of_events += 1
        self.events.append(Passing(self.number_of_events, event_id.decode(errors="replace"), shown(data)))

    async def connect(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        """Carry one connection, from its beginning to its end."""
        self.first_connection.set()
        if self.state is State.CUT or self.is_removed:
            hang_up(client_out)
            return
        try:
            server_in, server_out = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            hang_up(client_out)
            return
        up = Flow(self, client_in, server_out, is_down=False)
        down = Flow(self, server_in, client_out, is_down=True)
        self.flows |= {up, down}
        self.tell()
        try:
            async with asyncio.TaskGroup() as tasks:
                for flow in (up, down):
                    tasks.create_task(flow.take_in())
                    tasks.create_task(flow.give_out())
        except* OSError:
            pass  # a cut, or one of the two has gone; the other learns of it now
        finally:
            self.flows -= {up, down}
            client_out.close()
            server_out.close()
            self.tell()


class Flow:
    def __init__(
        self, cable: Cable, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_down: bool
    ) -> None:
        self.cable, self.is_down = cable, is_down
        self.pending = bytearray()
        self._source, self._sink = source, sink
        self._tail = b""  # an event may come in pieces
        self._has_ended = False
        self._changed = asyncio.Event()

    def reset(self) -> None:
        self.pending.clear()
        self._changed.set()
        hang_up(self._sink)

    async def take_in(self) -> None:
        while chunk := await self._source.read(CHUNK):
            self.pending += chunk
            self._changed.set()
            self.cable.tell()
            while len(self.pending) > MOST_IN_FLIGHT:
                self._changed.clear()
                await self._changed.wait()
        self._has_ended = True
        self._changed.set()

    async def give_out(self) -> None:
        while self.pending or not self._has_ended:
            if not self.pending:
                self._changed.clear()
                await self._changed.wait()
                continue
            await self.cable.is_flowing.wait()
            is_slow = self.cable.state is State.SLOW
            piece = bytes(self.pending[: max(1, self.cable.speed // 20) if is_slow else CHUNK])
            if self.cable.half and self.is_down and (event := EVENT.search(self._tail + self.pending)):
                middle = (event.start() + event.end()) // 2 - len(self._tail)
                await self._pass_on(bytes(self.pending[: max(0, middle)]))
                self.cable.half = False
                raise ConnectionAbortedError
            await self._pass_on(piece)
            if is_slow:
                await asyncio.sleep(len(piece) / self.cable.speed)
        self._sink.write_eof()

    async def _pass_on(self, piece: bytes) -> None:
        del self.pending[: len(piece)]
        self._changed.set()
        self._sink.write(piece)
        self.cable.passed += len(piece)
        if self.is_down:
            self._look_for_events(piece)
        self.cable.tell()
        await self._sink.drain()

    def _look_for_events(self, piece: bytes) -> None:
        seen, end = self._tail + piece, 0
        for event in EVENT.finditer(seen):
            self.cable.saw(event[1], event[2])
            end = event.end()
        self._tail = seen[max(end, len(seen) - LONGEST_EVENT) :]


def hang_up(side: asyncio.StreamWriter) -> None:
    """Reset it: what was under way is gone."""
    side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    side.transport.abort()
