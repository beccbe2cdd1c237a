"""Programs of the lessons under names of their own, for people who come only for them."""

import sys
from importlib import import_module

from workshop.lessons import find
from workshop.stage import BrokenError


def run(lesson: str, script: str) -> None:
    """In this process, as `python script.py` in the lesson's folder would; its flags are ours."""
    try:
        sys.path.insert(0, str(find(lesson)))
    except BrokenError as error:
        sys.exit(str(error))
    sys.exit(import_module(script).main())


def mcp_simple_streamablehttp() -> None:
    """The server of lesson 08, which has the name and the flags of the SDK's example."""
    run("08", "server")


def prove_mcp_server() -> None:
    """Lesson 12's checker."""
    run("12", "client")


def prove_mcp_client() -> None:
    """Lesson 14's judge."""
    run("14", "server")
