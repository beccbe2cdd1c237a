"""Eras: older revisions, which send no priming event; and 2026-07-28, in which nothing is resumed."""

from datetime import UTC, datetime

from pydantic import JsonValue

from cases.case import Ends, case
from judging.manners import HANDSHAKES, MODERN
from judging.play import Play
from judging.verdicts import BrokenError, NotReachedError, Verdict, Weight
from judging.wire import Asked, Cut

RESUME = "Resumability 2, which this revision has as well: GET with the last event id"
TASKS = "io.modelcontextprotocol/tasks"
POLLS = 3


def add(era: str) -> None:
    @case(
        2,
        Weight.OURS,
        f"A server of {era}, which sends no priming event: does the client resume?",
        clause=RESUME,
        stakes="Many servers speak an older revision.",
        era=era,
        name=f"a server of {era}",
    )
    async def older(play: Play) -> None:
        call = await play.call()
        await call.say(2)
        await play.cut_and_wait(call, Cut.END)
        await call.respond()


for version in HANDSHAKES[:-1]:
    add(version)


@case(
    5,
    Weight.OURS,
    "2026-07-28, a call's stream breaks: is it an error, without a GET and without a second call?",
    Verdict.MISLABELLED,
    Verdict.RAN_TWICE,
    clause="Streamable HTTP of 2026-07-28: streams cannot be resumed, and closing one cancels the request",
    stakes="The tool was cancelled; only the caller can know whether to call again.",
    ends=Ends.ERROR,
    era=MODERN,
    name="2026-07-28: a lost call is an error",
)
async def modern_lost(play: Play) -> None:
    call = await play.call()
    call.with_ids = False
    await call.say()
    await call.cut(Cut.DROP)
    await play.until(lambda: play.resumes)
    if play.resumes:
        came = f"a GET with Last-Event-ID {play.resumes[0].last_event_id!r}"
        raise BrokenError(Verdict.MISLABELLED, "no GET: this revision has none", came)


@case(
    7,
    Weight.SHOULD,
    "2026-07-28, the call becomes a task: is it polled as pollIntervalMs says?",
    Verdict.HASTY,
    Verdict.RAN_TWICE,
    clause="Tasks: clients SHOULD respect pollIntervalMs when they choose how often to poll",
    stakes="The server is asked more often than it wants.",
    era=MODERN,
    name="2026-07-28: a task is polled in time",
)
async def modern_task(play: Play) -> None:
    call = await play.call(stream=False)
    if not declares_tasks(call.asked):
        await finish(play, call.asked, call.answer)
        raise NotReachedError("it does not declare the tasks extension")
    interval = play.ms(600)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    task: dict[str, JsonValue] = {"taskId": f"task-{play.nonce}", "status": "working", "createdAt": now}
    task |= {"lastUpdatedAt": now, "ttlMs": 60_000, "pollIntervalMs": interval}
    await play.manners.tell(call.asked, {"resultType": "task", **task})
    before = play.wire.now()
    for number in range(POLLS):
        if not await play.until(lambda n=number: len(play.polls) > n):
            raise BrokenError(Verdict.LOST, "a POST of tasks/get", play.ended())
        poll = play.polls[number]
        if poll.at - before < interval * 0.97 / 1000 - 0.005:
            came = f"after {(poll.at - before) * 1000:.0f} ms"
            play.faults.append(BrokenError(Verdict.HASTY, f"a poll each {interval} ms", came))
        before = play.wire.now()
        if number < POLLS - 1:
            await play.manners.tell(poll, {"resultType": "complete", **task})
        else:
            await finish(play, poll, call.answer, {**task, "status": "completed"})


def declares_tasks(asked: Asked) -> bool:
    meta = asked.message.params.get("_meta") if asked.message else None
    told = meta.get("io.modelcontextprotocol/clientCapabilities") if isinstance(meta, dict) else None
    extensions = told.get("extensions") if isinstance(told, dict) else None
    return isinstance(extensions, dict) and TASKS in extensions


async def finish(play: Play, asked: Asked, text: str, task: dict[str, JsonValue] | None = None) -> None:
    result: dict[str, JsonValue] = {"content": [{"type": "text", "text": text}], "isError": False}
    whole: dict[str, JsonValue] = {**task, "result": result} if task else result
    await play.manners.tell(asked, {"resultType": "complete", **whole})
