"""Each lesson is copied to an empty folder, and runs there with uv alone."""

import ast
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from processes import ROOT, run, speaking

LESSONS = sorted(path.parent for path in ROOT.glob("[0-9][0-9]_*/server.py"))
SCRIPTS = [
    path for lesson in LESSONS for path in sorted(lesson.glob("*.py")) if "__main__" in path.read_text()
]
# 09 wants its network cut, which nobody does here. 10 and 13 die at first, as they should. 12 lists its laws.
EXIT_CODES = {"09": [1], "10": [137, 0], "12": [2], "13": [137, 0]}
BLOCK = re.compile(r"^# /// script\n(.*?)^# ///$", re.MULTILINE | re.DOTALL)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE_OF = {"docket": "pydocket", "httpx_sse": "httpx-sse"}  # where a module has another name


def requirements() -> dict[str, str]:
    """What the project asks for, by the name of the package."""
    listed = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"].get("lesson-11", [])]
    return {re.split(r"[^\w-]", requirement)[0]: requirement for requirement in listed}


def needs(lesson: Path) -> list[str]:
    """The requirements of what a lesson's own files import."""
    modules: set[str] = set()
    for path in lesson.rglob("*.py"):
        if "peers" in path.parts:
            continue  # they name their packages themselves
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    known = requirements()
    packages = {PACKAGE_OF.get(module, module) for module in modules - sys.stdlib_module_names}
    return sorted(known[package] for package in packages if package in known)


def block(lesson: Path) -> str:
    lines = [
        f'requires-python = "{PROJECT["project"]["requires-python"]}"',
        "dependencies = [",
        *(f'  "{requirement}",' for requirement in needs(lesson)),
        "]",
        "[tool.uv]",
        f'exclude-newer = "{PROJECT["tool"]["uv"]["exclude-newer"]}"',
    ]
    return "".join(f"# {line}\n" for line in lines)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_script_names_what_its_lesson_needs(script: Path) -> None:
    found = BLOCK.findall(script.read_text(encoding="utf-8"))
    assert found == [block(script.parent)], f"# /// script\n{block(script.parent)}# ///"


@pytest.fixture(scope="module")
def prepared() -> str:
    """uv, after `workshop --prepare` has fetched all."""
    code, output = run(ROOT, "-m", "workshop", "--prepare")
    assert code == 0, output
    return os.environ.get("UV", "uv")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name)
def test_a_lesson_runs_alone_and_without_internet(lesson: Path, prepared: str, tmp_path: Path) -> None:
    there = tmp_path / lesson.name
    shutil.copytree(lesson, there, ignore=shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache"))
    script = (prepared, "run", "--offline")
    with speaking(there, *script, "server.py", "--port", "0") as server:
        url = server.wait_for(r"listening on (http://\S+)")[1]
        there_it_is = {"11": ("--url", url, "--kill", "none"), "12": (url,)}.get(
            lesson.name[:2], ("--url", url)
        )
        for expected in EXIT_CODES.get(lesson.name[:2], [0]):
            with speaking(there, *script, "client.py", *there_it_is) as client:
                assert client.finish() == expected, client.output
