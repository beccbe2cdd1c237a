"""What tasks may take (law 8): each limit can be set, and whoever meets one is told which."""

from dataclasses import dataclass

from task import FullError


@dataclass(frozen=True)
class Limits:
    max_tasks: int = 10_000
    max_owned: int = 5_000
    max_waiting: int = 1_000
    max_lines: int = 10_000
    max_bytes: int = 1_000_000

    def check(self, kept: int, owned: int) -> None:
        """Before one more is kept."""
        if kept >= self.max_tasks:
            raise FullError(
                f"There are {kept} tasks, as many as there may be (--max-tasks): try again later."
            )
        if owned >= self.max_owned:
            raise FullError(
                f"You have {owned} tasks, as many as one may have (--max-owned): try again later."
            )

    def check_waiting(self, waiting: int) -> None:
        """Before one more waits for an answer."""
        if waiting >= self.max_waiting:
            raise FullError(f"{waiting} tasks wait for an answer, as many as may (--max-waiting): try later.")
