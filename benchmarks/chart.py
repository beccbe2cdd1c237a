"""The picture: one panel for each thing measured, one bar for each contender.

Bars are as long as their numbers, or as the logarithms, where one contender would else hide all others.
"""

import math
from dataclasses import dataclass
from html import escape
from pathlib import Path

PANEL, LABELS, BARS, LINE, TOP = 580, 200, 280, 24, 58
MOST = 30  # times the shortest bar, on a linear scale
OURS = "lesson 07"
GREEN, GREY, INK = "#1a7f37", "#9aa4b0", "#1f2328"


@dataclass(frozen=True)
class Panel:
    title: str
    values: dict[str, float]  # by contender, as they stand from top to bottom
    better: str = "shorter is better"

    @property
    def height(self) -> int:
        return TOP + LINE * len(self.values)


def save(file: Path, title: str, panels: list[Panel]) -> None:
    """Two panels a line."""
    body, top = [text(20, 34, title, 20, "bold")], 50
    for left, right in zip(panels[::2], panels[1::2], strict=True):
        body += draw(left, 20, top) + draw(right, 20 + PANEL, top)
        top += max(left.height, right.height)
    width, height = 2 * PANEL + 20, top + 16
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' font-family="system-ui, sans-serif" fill="{INK}">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n",
        encoding="utf-8",
    )


def draw(panel: Panel, x: int, y: int) -> list[str]:
    lengths, scale = lengths_of(list(panel.values.values()))
    lines = [
        text(x, y + 24, panel.title, 15, "bold"),
        text(x, y + 42, f"{panel.better}, {scale}", 12, color="#59636e"),
    ]
    for place, (name, value) in enumerate(panel.values.items()):
        top = y + TOP + LINE * place - 6
        long = max(2.0, BARS * lengths[place])
        weight, color = ("bold", GREEN) if name == OURS else ("normal", GREY)
        lines += [
            text(x + LABELS - 8, top + 14, name, 13, weight, "end"),
            f'<rect x="{x + LABELS}" y="{top}" width="{long:.1f}" height="{LINE - 6}" fill="{color}"/>',
            text(round(x + LABELS + long + 6), top + 14, number(value), 13, weight),
        ]
    return lines


def lengths_of(values: list[float]) -> tuple[list[float], str]:
    """Each value as a part of the longest bar, and the name of the scale."""
    if max(values) <= MOST * min(values):
        return [value / max(values) for value in values], "linear scale"
    low = math.floor(math.log10(min(values)))
    return [(math.log10(value) - low) / (math.log10(max(values)) - low) for value in values], "log scale"


def text(
    x: int, y: int, what: str, size: int, weight: str = "normal", anchor: str = "start", color: str = INK
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
        f' fill="{color}">{escape(what)}</text>'
    )


def number(value: float) -> str:
    """Two digits that count, and no more than a noisy machine can stand for."""
    if value >= 100:
        digits = 10 ** (math.floor(math.log10(value)) - 1)
        return f"{round(value / digits) * digits:,}"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
