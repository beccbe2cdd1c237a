"""Takes the pictures of the page that the READMEs show, each from a real run.

uv run --group test tests/page/picture.py 07 07_advanced_stream_resumption/wire.png
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from chromium import tab
from processes import ROOT, run

WIDTH, HEIGHT = 1200, 720
GAP = "wire.views.get(0).run.away.find(away => away.count > 1)"
SEEN = f"""(() => {{
    const view = wire.views.get(0), away = {GAP};
    view.follow = false;
    view.draw();
    view.scroll.scrollTop = view.middle(away.cut) - view.scroll.clientHeight * 0.42;
    view.draw();
    return true;
}})()"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Takes a picture of a lesson's wire.")
    parser.add_argument("lesson", help="such as 07")
    parser.add_argument("file", type=Path)
    parser.add_argument("--look", default="light", help="light or dark; projector (default: %(default)s)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "run.html"
        code, output = run(ROOT, "-m", "workshop", flags.lesson, "--save", str(saved))
        if code:
            sys.exit(output)
        with tab(f"{saved.as_uri()}#{flags.look}", WIDTH, HEIGHT) as page:
            page.wait_for(f"globalThis.wire?.views.get(0)?.shown > 0 && {GAP} !== undefined")
            page.value(SEEN)
            flags.file.write_bytes(page.picture())
    print(f"taken: {flags.file}")


if __name__ == "__main__":
    main()
