"""What a question to a server with tasks is: a law of resumption, as it reads in this era."""

from collections.abc import Awaitable, Callable

from laboratory.lab import Lab
from laboratory.oracle import Verdict
from laws.law import Case, Law, Weight
from tasks_era.lab import TasksLab

QUESTIONS: list[Law] = []
Check = Callable[[TasksLab, Case], Awaitable[None]]


def question(
    number: int,
    weight: Weight,
    asked: str,
    clause: str,
    stakes: str,
    *,
    cases: int = 1,
    heavy: bool = False,
    essential: bool = False,
) -> Callable[[Check], Check]:
    """Whatever it sees is its own: these laws do not share verdicts."""

    def add(check: Check) -> Check:
        async def put(lab: Lab, case: Case) -> None:
            if not isinstance(lab, TasksLab):
                raise TypeError("a question about tasks is put in their laboratory")
            await check(lab, case)

        name = check.__name__.replace("_", " ")
        names = frozenset(Verdict)
        QUESTIONS.append(
            Law(number, name, weight, asked, clause, stakes, cases, heavy, essential, names, put)
        )
        return check

    return add
