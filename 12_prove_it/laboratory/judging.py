"""Judging: what came on the streams of a play is held against what is due on each."""

from collections import Counter
from collections.abc import Sequence

from laboratory.events import messages, same
from laboratory.lab import Lab
from laboratory.oracle import Fault, Verdict
from laboratory.outcomes import BlindError, BrokenError, NotReachedError
from laboratory.play import Play, values
from laboratory.stream import End, Event, Stream, Token

PREFERRED = (Verdict.FOREIGN_SESSION, Verdict.FOREIGN_STREAM, Verdict.CORRUPTED)


def must_be_whole(lab: Lab, play: Play) -> None:
    """What came on each stream is what an uncut run gives, or laws are broken."""
    faults: list[Fault] = []
    bound: NotReachedError | None = None
    for name, stream in play.streams.items():
        if name in play.blind:
            continue
        try:
            found = fault_of(lab, play, name, stream)
        except NotReachedError as passed:
            bound = passed
            continue
        if found:
            found.evidence = stream.evidence()
            faults.append(found)
    if faults:
        raise BrokenError(*faults)
    if bound:
        raise bound
    if {name for name in play.streams if (name == "GET") == (lab.home == "GET")} <= play.blind:
        raise BlindError("each time the connection was lost before its first id came: nobody can resume that")


def fault_of(lab: Lab, play: Play, name: str, stream: Stream) -> Fault | None:
    compared = difference(lab, play, name, stream)
    if compared and compared.verdict in PREFERRED:
        return compared
    if stream.reused:
        event_id, first, second = stream.reused[0]
        both = {play.oracle.plain(stream.own(data)) for data in (first, second)} <= set(play.due(name))
        verdict = Verdict.MOVED if both else Verdict.CORRUPTED
        return Fault(verdict, f"under the id {event_id!r} always {first[:150]}", second[:150])
    if stream.answer and stream.ends and stream.ends[-1] is End.MISTYPED:
        return Fault(
            Verdict.MISLABELLED,
            "Content-Type: text/event-stream",
            f"{stream.answer.status}, Content-Type: {stream.answer.type or '(none)'}",
        )
    if End.REFUSED in stream.ends[1:] and stream.answer:
        missed = len(play.due(name)) - len(values(stream))
        if stream.answer.status == 410 and stream.answer.refusal() and missed > 0.6 * lab.window > 1:
            raise NotReachedError(
                f"410, aloud: the window of about {lab.window} messages was passed while it was away"
            )
        came = f"{stream.answer.status} {stream.answer.text[:200]}"
        return Fault(Verdict.LOST, f"the stream, resumed after its own id {stream.cursor!r}", came)
    if End.HUNG in stream.ends:
        return Fault(Verdict.HUNG, f"an answer to the {stream.method}", f"none in {lab.peer.patience:g} s")
    if name in play.deaf:
        told = "nothing more, until the client connected once again"
        return Fault(Verdict.DEAF, "after the backlog the live tail, on one connection", told)
    if name in play.late:
        told = f"nothing for {play.late[name]:.1f} s on a connection that stood"
        return Fault(Verdict.HUNG, "its messages as soon as it is resumed", told)
    return compared


def difference(lab: Lab, play: Play, name: str, stream: Stream) -> Fault | None:
    due, events = play.due(name), values(stream)
    if play.oracle.varies and name != "GET":
        if name not in play.wholes:
            raise BlindError("its tool was found to vary while it ran")
        if play.wholes[name] is None:
            raise NotReachedError("its first id is refused when it is over, and each run is another")
        if not stream.response:
            return Fault(Verdict.CANCELLED, "a response in the end", f"{len(events)} messages, and none")
    came = [play.oracle.plain(stream.own(event.data)) for event in events]
    if came == due:
        return None
    if play.oracle.varies and name != "GET" and not Counter(due) - Counter(came):
        wanted = f"the {len(came)} messages that came, for its first id"
        return Fault(Verdict.LOST, wanted, f"{len(due)} messages")
    foreign = foreigners(lab, play, name, events)
    if foreign:
        verdict, number = foreign.most_common(1)[0]
        wanted = f"the {len(due)} messages of this call"
        return Fault(verdict, wanted, f"{number} of another one among {len(came)}")
    if twice := (set(came) - set(due)) & elsewhere(play, name):
        told = f"{len(twice)} of its messages on the {stream.method} stream, where none is due"
        return Fault(Verdict.DOUBLED, "each message on one stream only", told)
    calls = len(play.posts) if name == "GET" else 1
    fault = play.oracle.compare(due, events, came, calls)
    if fault and fault.verdict is Verdict.CANCELLED:
        if lab.response_is_last and play.post.response:
            fault.verdict = Verdict.LOST  # the tool ran to its end, and said so
        elif stream.ends[-1] is End.LOST:
            fault.verdict, fault.came = (
                Verdict.LOST,
                f"{fault.came}; the server breaks the connection off",
            )
    return fault


def elsewhere(play: Play, name: str) -> set[str]:
    """What is due on the other streams of a play, the messages of other calls alike."""
    return set(play.due("POST" if name == "GET" else "GET")) - set(play.due(name))


def foreigners(lab: Lab, play: Play, name: str, events: Sequence[Event]) -> Counter[Verdict]:
    """What is another's, session or stream: by the token in it, or by an id that was seen there."""
    found: Counter[Verdict] = Counter()
    own = play.session.id
    for event in events:
        for session_id, stream in owners_of(lab, play, name, event):
            if session_id != own:
                found[Verdict.FOREIGN_SESSION] += 1
            elif stream != name and name != "GET":
                found[Verdict.FOREIGN_STREAM] += 1
    return found


def owners_of(lab: Lab, play: Play, name: str, event: Event) -> set[tuple[str, str]]:
    stream = play.streams[name]
    tokens: set[Token] = set()
    for message in messages(event.data):
        match message:
            case {"params": {"progressToken": str() | int() as token}} if token in lab.tokens:
                tokens.add(token)
            case {"id": str() | int() as number, **rest} if "method" not in rest and name != "GET":
                tokens.update(
                    token
                    for post in play.posts
                    if post is not stream and post.request and same(post.request[0], number)
                    for token in post.tokens
                )
            case _:
                pass
    if event.id and not tokens and name != "GET":
        others = (post for post in play.posts if post is not stream and event.id in post.ids)
        tokens.update(token for post in others for token in post.tokens)
    owners = {lab.tokens[token] for token in tokens - set(stream.tokens)}
    if lab.ids_are_global and event.id and not tokens:
        session_id, seen_on = lab.owners.get((event.id, event.data), (play.session.id, name))
        if session_id != play.session.id:
            owners.add((session_id, seen_on))
    return owners
