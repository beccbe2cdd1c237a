"""A lesson's notes for its host, from `wire.toml`: what to say at which fact, and what the page plays.

when  what a fact must have so that a step begins: words are patterns, anything else must be equal
play  the flags of the server and of the client, where the page shows something else than `show.py`
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue


class Step(BaseModel):
    model_config = ConfigDict(extra="forbid")

    when: dict[str, str | bool | int]
    title: str
    text: str


class Play(BaseModel):
    model_config = ConfigDict(extra="forbid")

    server: list[str] = []
    client: list[str]  # where {url} stands, the server's address is put
    verdict: str = ""  # a pattern in the line that is the client's last word


class Notes(BaseModel):
    model_config = ConfigDict(extra="forbid")

    step: list[Step] = []
    play: Play | None = None

    def as_json(self) -> JsonValue:
        return [step.model_dump() for step in self.step]


def read(lesson: Path) -> Notes:
    """A lesson without the file has no notes."""
    file = lesson / "wire.toml"
    return Notes.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))) if file.exists() else Notes()
