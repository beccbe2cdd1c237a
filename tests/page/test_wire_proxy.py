"""The recording proxy passes on what comes, byte for byte, and cuts as cuts."""

import asyncio
import socket
import struct

import pytest
from wire_page import PATIENCE, Streams, recorded

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
GET = b"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
EVENT = b'id: a-1\ndata: {"jsonrpc":"2.0","method":"m"}\n\n'
RESET = struct.pack("ii", 1, 0)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def reset(out: asyncio.StreamWriter) -> None:
    end: socket.socket = out.get_extra_info("socket")
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    out.transport.abort()


@pytest.mark.parametrize(
    "first", [b"", GET, b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\n"]
)
def test_every_byte_passes_both_ways_and_an_end_is_an_end(first: bytes) -> None:
    sent = first + bytes(range(256)) * 8000  # no HTTP: nobody may stumble over it

    async def echo(into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while data := await into.read(65536):
            out.write(data)
            await out.drain()
        out.close()

    async def play() -> bytes:
        async with recorded(echo) as wire, asyncio.timeout(PATIENCE):
            into, out = await wire.open()

            async def send() -> None:
                out.write(sent)
                await out.drain()
                out.write_eof()

            came, _ = await asyncio.gather(into.read(), send())
            out.close()
            return came

    assert asyncio.run(play()) == sent


@pytest.mark.parametrize("how", ["reset", "end"])
@pytest.mark.parametrize("by", ["server", "client"])
def test_a_cut_inside_an_event_passes_as_it_is(by: str, how: str) -> None:
    half = chunk(EVENT) + b"%x\r\n" % len(EVENT) + EVENT[:20]

    async def play() -> None:
        seen_by_server: asyncio.Future[bytes | str] = asyncio.get_running_loop().create_future()

        async def serve(into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
            await into.readuntil(b"\r\n\r\n")
            out.write(HEAD + half)
            await out.drain()
            if by == "server":
                cut((into, out))
            seen_by_server.set_result(await rest(into))
            out.close()

        def cut(side: Streams) -> None:
            reset(side[1]) if how == "reset" else side[1].close()

        async def rest(into: asyncio.StreamReader) -> bytes | str:
            try:
                return await into.read()
            except ConnectionResetError:
                return "reset"

        async with recorded(serve) as wire, asyncio.timeout(PATIENCE):
            into, out = await wire.open()
            out.write(GET)
            came = await into.readexactly(len(HEAD + half))
            assert came == HEAD + half
            if by == "client":
                cut((into, out))
                seen = await seen_by_server
            else:
                seen = await rest(into)
            assert seen == ("reset" if how == "reset" else b"")
            told = await wire.fact("cut")
            assert (told["by"], told["how"], told["inside"]) == (by, how, "event")
            assert (told["tail"], told["last_id"]) == (EVENT[:20].decode(), "a-1")
            assert told["after"] == len(EVENT) + 20
            out.close()

    asyncio.run(play())


def test_who_does_not_read_stops_who_sends() -> None:
    async def play() -> None:
        sent = 0
        stuck = asyncio.Event()

        async def flood(into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
            nonlocal sent
            await into.readuntil(b"\r\n\r\n")
            out.write(HEAD)
            while not into.at_eof():
                out.write(chunk(b"x" * 65536))
                sent += 65536
                try:
                    async with asyncio.timeout(1):
                        await out.drain()
                except (TimeoutError, ConnectionError):
                    break
            stuck.set()
            out.transport.abort()

        async with recorded(flood) as wire, asyncio.timeout(PATIENCE):
            into, out = await wire.open()
            out.write(GET)
            await into.readexactly(10)
            await stuck.wait()  # without backpressure it would send for ever
            out.transport.abort()
        assert sent < 60_000_000

    asyncio.run(play())


def test_a_server_that_is_not_there_is_a_reset() -> None:
    async def play() -> None:
        async def nobody(_into: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
            out.close()

        async with recorded(nobody) as wire:
            gone = wire
        with pytest.raises(ConnectionError):
            into, _ = await gone.open()
            await into.readexactly(1)

    asyncio.run(play())
