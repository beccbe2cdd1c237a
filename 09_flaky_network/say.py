"""What a person who watches is told: a line, and by colour and by word what it is about."""

from rich.console import Console
from rich.text import Text

STYLES = {
    "live": "green",
    "open": "green",
    "late": "yellow",
    "replayed": "bold yellow",
    "proven": "bold green",
}
TROUBLE = frozenset({"cut", "stalled", "half", "silence", "lost", "refused", "gone", "failed"})
console = Console(highlight=False, soft_wrap=True)


def say(word: str, text: str) -> None:
    """In one piece, since a progress bar may be drawn anew after each."""
    style = STYLES.get(word, "bold red" if word in TROUBLE else "cyan")
    console.print(Text.assemble((f"{word:<10}", style), text))
