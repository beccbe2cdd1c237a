"""What lessons share is the same file in each, so that each can be copied out alone."""

from collections import defaultdict

from processes import ROOT


def test_the_same_name_means_the_same_bytes() -> None:
    files = [*ROOT.glob("[0-9][0-9]_*/plumbing/*.py"), ROOT / "stage.py"]
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for file in files:
        contents[file.name].add(file.read_bytes())
    assert not [name for name, different in contents.items() if len(different) > 1]
