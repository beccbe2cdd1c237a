"""What `uv run workshop 12` plays: the gallery, in which each lie has to be caught by its own name."""

from plumbing.ctrl_c import in_order

import signal
import sys

from client import main


def end(*_: object) -> None:
    """Who asks the play to end means the servers that it has started, too."""
    signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    in_order()
    signal.signal(signal.SIGTERM, end)
    print("A server tells each of its lies, and the checker has to name it. This takes a minute.", flush=True)
    sys.exit(main())

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "httpx>=0.28,<1",
#   "pydantic>=2.12,<3",
#   "rich>=15,<16",
#   "starlette>=1.10,<2",
#   "uvicorn>=0.54,<1",
# ]
# [tool.uv]
# exclude-newer = "2026-11-19T00:00:00Z"
# ///
