"""What `uv run workshop 12` plays: the gallery, in which each lie has to be caught by its own name."""

import sys

from client import main

if __name__ == "__main__":
    sys.exit(main())
