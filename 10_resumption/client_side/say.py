"""What a person who watches is told: a line, and by colour and by word what it is about."""

from rich.console import Console

STYLES = {"live": "green", "missed": "bold yellow", "forecast": "bold green", "proven": "bold green"}
TROUBLE = ("dying", "severed", "lost", "refused", "ended", "afresh", "failed")
console = Console(highlight=False, soft_wrap=True)


def say(word: str, text: str) -> None:
    console.print(f"{word:<10}", style=STYLES.get(word, "bold red" if word in TROUBLE else "cyan"), end="")
    shown = "".join(
        letter if letter.isprintable() else "?" for letter in text
    )  # no escape codes from elsewhere
    console.print(shown, markup=False)
