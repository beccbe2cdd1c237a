"""Agreement: do uncut runs give the same, and if not, is that the tool, or a fault of the server?"""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from pydantic import JsonValue

from laboratory.events import messages
from laboratory.lab import Lab
from laboratory.oracle import Fault, Oracle, Verdict
from laboratory.outcomes import BrokenError, UnfitError
from laboratory.play import Play, values
from laboratory.stream import Stream


def agree(plays: Sequence[Play]) -> bool:
    """As far as the numbers of their messages go."""
    return len({(len(values(play.post)), len(values(play.get))) for play in plays}) == 1


def hold_to_itself(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> None:
    """A tool that varies is no oracle; where a call's stream has ids, each run is held to itself."""
    lost = losses(lab, oracle, plays)
    own = not any(values(play.get) for play in plays)
    oracle.varies = own and all(len(play.post.ids) > 1 for play in plays)
    if oracle.varies:
        lab.seen += lost
    elif lost:
        raise BrokenError(*lost)
    else:
        told = "; ".join(f"{numbers(plays, method)} on the {method} stream" for method in ("POST", "GET"))
        raise UnfitError(
            f"{lab.tool} sends now more, now fewer messages, uncut ({told}), "
            "and not on a stream of its own with ids: nothing can be held against that. Choose other ones."
        )


def losses(lab: Lab, oracle: Oracle, plays: Sequence[Play]) -> list[Fault]:
    """Who says how many messages it sends does not vary: it loses."""
    found: list[Fault] = []
    for method in ("POST", "GET"):
        runs = [stream_of(play, method) for play in plays]
        longest = max(runs, key=lambda stream: len(values(stream)))
        plain = [[oracle.plain(stream.own(event.data)) for event in values(stream)] for stream in runs]
        whole = max(plain, key=len)
        shorter = [one for one in plain if len(one) < len(whole)]
        if shorter and declared(longest) and all(not Counter(one) - Counter(whole) for one in shorter):
            wanted = f"{len(whole)} messages of {lab.tool} on the {method} stream, in each uncut run"
            came = f"{numbers(plays, method)} in {len(runs)} runs"
            found.append(Fault(Verdict.LOST, wanted, came, longest.evidence()))
    return found


def numbers(plays: Sequence[Play], method: str) -> str:
    return ", ".join(str(len(values(stream_of(play, method)))) for play in plays)


def declared(stream: Stream) -> bool:
    """The messages count up to a total that they name, in steps that have all come."""
    counted: list[JsonValue] = []
    totals: set[JsonValue] = set()
    for event in values(stream):
        for message in messages(event.data):
            match message.get("params"):
                case {"progress": int() | float() as number, "total": int() | float() as total}:
                    counted.append(number)
                    totals.add(total)
                case _:
                    pass
    return len(totals) == 1 and bool(counted) and counted[-1] in totals


def must_not_be_shared(streams: Sequence[Stream]) -> None:
    """Uncut runs may differ because the server mixes its sessions: then one brings another's very bytes."""
    for one, other in permutations(streams, 2):
        both = {(event.id, event.data) for event in one.events} & {(e.id, e.data) for e in other.events}
        if one.events and len(both) == len(one.events) < len(other.events):
            came = f"all {len(both)} of another session's, among {len(other.events)}"
            wanted = f"{len(one.events)} messages of the session's own"
            raise BrokenError(Fault(Verdict.FOREIGN_SESSION, wanted, came, other.evidence()))


def must_have_worked(tool: str, stream: Stream) -> None:
    match stream.response:
        case None:
            for event in stream.events:
                for message in messages(event.data):
                    if "method" not in message and "result" in message and stream.request:
                        wanted, came = json.dumps(stream.request[0]), json.dumps(message.get("id"))
                        fault = Fault(Verdict.CORRUPTED, f"a response with the id {wanted}", came)
                        fault.evidence = stream.evidence()
                        raise BrokenError(fault)
            answer = stream.answer
            if answer and "data:" in answer.text:
                came = f"{answer.status}, Content-Type: {answer.type or '(none)'}"
                raise BrokenError(Fault(Verdict.MISLABELLED, "text/event-stream", came, stream.evidence()))
            told = f"{answer.status} {answer.text[:300]}".strip() if answer else "nothing"
            raise UnfitError(f"The call of {tool} was answered with {told}, and not with a response.")
        case {"error": error}:
            raise UnfitError(f"{tool} was refused: {json.dumps(error)[:300]}")
        case {"result": {"isError": True, **rest}}:
            raise UnfitError(f"{tool} failed: {json.dumps(rest)[:300]}")
        case _:
            pass


def stream_of(play: Play, method: str) -> Stream:
    return play.post if method == "POST" else play.get
