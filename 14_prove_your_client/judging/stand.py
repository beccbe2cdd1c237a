"""One case, played to whoever comes, again and again: to try a client by hand, and to see its wire."""

from collections.abc import Callable

from cases.case import Case
from judging.play import Play
from judging.verdicts import BrokenError, NotReachedError, UnknownError
from judging.wire import evidence

QUIET = 3.0  # seconds of silence after which a play is over
FOR_EVER = 1e9


async def stand(case: Case, seed: int, expect: str, port: int, tell: Callable[[str], None]) -> None:
    while True:
        port = await play_once(Play(seed, expect, case.era), case, port, tell)


async def play_once(play: Play, case: Case, port: int, tell: Callable[[str], None]) -> int:
    """The port, for the next one."""
    play.wire.port = port
    await play.wire.listen()
    tell(f"listening on {play.wire.url}")
    try:
        await play.until(lambda: play.wire.asked, FOR_EVER)
        await case.script(play)
        await play.until(lambda: play.wire.asked[-1].method == "DELETE", QUIET)
    except (BrokenError, NotReachedError, UnknownError) as end:
        play.end = end
    finally:
        await play.wire.close()
    tell(evidence(play.wire.moments))
    for fault in [*play.faults, *([play.end] if play.end else [])]:
        tell(f"{type(fault).__name__.removesuffix('Error').lower()}: {fault}")
    if not play.end and not play.faults:
        tell("as it should: what the client printed, and its exit code, are for you to see")
    return play.wire.port
