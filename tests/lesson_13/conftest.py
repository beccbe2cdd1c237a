"""The tests of lesson 13 may import its stores. They come last: other lessons have modules of their own."""

import sys

from processes import ROOT

for lesson in ("13_tasks", "11_many_workers"):
    if str(ROOT / lesson) not in sys.path:
        sys.path.append(str(ROOT / lesson))
