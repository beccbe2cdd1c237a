"""What a person who watches is told: a line, and by colour and by word what it is about."""

from rich.console import Console
from rich.text import Text

STYLES = {
    "answer": "bold green",
    "forecast": "bold green",
    "late": "yellow",
    "live": "green",
    "missed": "bold yellow",
    "open": "green",
    "proven": "bold green",
    "replayed": "bold yellow",
}
LOSSES = frozenset({"cut", "dying", "gone", "half", "killed", "lost", "severed", "silence", "stalled"})
TROUBLE = LOSSES | {"afresh", "ended", "failed", "refused"}
console = Console(highlight=False)


def say(word: str, text: str) -> None:
    """Print one line in one write, since a progress bar may be drawn again after it."""
    # What a server says cannot control the terminal.
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    style = STYLES.get(word, "bold red" if word in TROUBLE else "cyan")
    whole = not console.file.isatty()  # who reads a pipe wants a line to stay one
    console.print(Text.assemble((f"{word:<10}", style), shown), soft_wrap=whole)
