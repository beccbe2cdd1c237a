"""One file that shows a run again: it opens from disk, offline, in any browser."""

import base64
import hashlib
import json
from pathlib import Path

from workshop.wire.record import Fact

FOLDER = Path(__file__).parent


def part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def as_page(facts: list[Fact]) -> str:
    """What a message says cannot end the script that it stands in: no `<` is left in it."""
    script, style = part("page.js"), part("page.css")
    record = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    allowed = f"default-src 'none'; img-src data:; script-src {digest(script)}; style-src 'unsafe-inline'"
    page = part("page.html")
    for old, new in (
        (
            '<meta charset="utf-8">',
            f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{allowed}">',
        ),
        ('<link rel="stylesheet" href="/page.css">', f"<style>{style}</style>"),
        (
            '<script type="module" src="/page.js"></script>',
            f'<script type="application/json" id="record">{record}</script>\n'
            f'<script type="module">{script}</script>',
        ),
    ):
        before, _, after = page.partition(old)
        page = before + new + after
    return page
