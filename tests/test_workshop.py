"""`uv run workshop`, as a user meets it."""

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from processes import ROOT, run, speaking
from workshop.breaks import Edit, edited

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to send")
LESSON = ROOT / "07_advanced_stream_resumption"
WORKSHOP = ("-m", "workshop")
QUICK = ("--", "--interval", "0.05", "--away", "0.25")


def test_it_lists_what_is_on_disk() -> None:
    code, output = run(ROOT, *WORKSHOP)
    assert code == 0
    for lesson in ROOT.glob("[0-9][0-9]_*/README.md"):
        assert re.search(rf"^{lesson.parent.name[:2]}  \S", output, re.MULTILINE), output


def test_it_gives_the_exit_code_of_the_client() -> None:
    assert run(ROOT, *WORKSHOP, "7", *QUICK)[0] == 0
    code, output = run(ROOT, *WORKSHOP, "07", *QUICK, "--no-resume")
    assert code == 1
    assert "client  failed    lost" in output


def test_it_is_plain_in_a_pipe_and_coloured_in_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "07.svg"
    code, output = run(ROOT, *WORKSHOP, "07", "--save-svg", str(picture), *QUICK)
    assert code == 0
    svg = picture.read_text(encoding="utf-8")
    assert "proven" in svg
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "").partition("<g ")[0].replace(
        "https://www.textualize.io", ""
    )
    assert "\x1b" not in run(ROOT, *WORKSHOP, "07", *QUICK)[1]
    assert "\x1b" in output


def test_a_reader_that_has_seen_enough_is_no_trouble() -> None:
    with subprocess.Popen(
        [sys.executable, *WORKSHOP, "07", *QUICK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as workshop:
        assert workshop.stdout
        assert workshop.stderr
        workshop.stdout.readline()
        workshop.stdout.close()
        assert workshop.stderr.read() == ""
        assert workshop.wait(20) == 0


def test_an_unknown_lesson_is_one_sentence() -> None:
    code, output = run(ROOT, *WORKSHOP, "99")
    assert code == 1
    assert re.fullmatch(r"workshop There is no lesson '99'\. There are: 07.*\.", output)


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, output = run(ROOT, *WORKSHOP, "07", "--port", str(taken.getsockname()[1]))
    assert code == 1
    assert re.search("^server  Cannot listen on .* choose another with --port", output, re.MULTILINE), output
    assert "workshop The server ended (exit code 1) before it said where it listens." in output
    assert "Traceback" not in output


def test_a_server_that_dies_is_one_sentence(tmp_path: Path) -> None:
    """A copy of the house, whose server ends itself when the connection is lost."""
    shutil.copytree(ROOT / "workshop", tmp_path / "workshop")
    edited(LESSON, tmp_path, Edit("server.py", "session.reader = None", "__import__('os')._exit(3)"))
    code, output = run(tmp_path, *WORKSHOP, "07", *QUICK, "--patience", "2")
    assert code == 1
    assert output.splitlines()[-1] == "workshop The server died (exit code 3)."
    assert "Traceback" not in output


@POSIX
def test_ctrl_c_ends_all() -> None:
    with speaking(ROOT, sys.executable, *WORKSHOP, "07", "--", "--interval", "5") as workshop:
        port = int(workshop.wait_for(r"127\.0\.0\.1:(\d+)")[1])
        workshop.wait_for("live +1 of 10")
        workshop.ctrl_c()
        assert workshop.finish() == 130
    assert workshop.lines[-1] == "workshop stopped"
    assert "Traceback" not in workshop.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server lives on"


def test_it_remembers_what_was_run_and_says_what_comes_next(tmp_path: Path) -> None:
    """In a copy of the house with one lesson, whose exercise a stand-in grades."""
    shutil.copytree(ROOT / "workshop", tmp_path / "workshop")
    lesson = edited(LESSON, tmp_path)
    assert run(tmp_path, *WORKSHOP, "next")[1].endswith("uv run workshop 07")
    assert run(tmp_path, *WORKSHOP, "07", *QUICK)[0] == 0
    assert run(tmp_path, *WORKSHOP, "next")[1].endswith("uv run workshop check 07")
    (lesson / "check.py").write_text("raise SystemExit(1)")
    assert run(tmp_path, *WORKSHOP, "check", "07")[0] == 1
    assert re.search(r"^07 .*  run *$", run(tmp_path, *WORKSHOP)[1], re.MULTILINE)
    (lesson / "check.py").write_text("")
    assert run(tmp_path, *WORKSHOP, "check", "07")[0] == 0
    assert re.search(r"^07 .*  run, solved *$", run(tmp_path, *WORKSHOP)[1], re.MULTILINE)
    (tmp_path / ".workshop.json").write_text("{")
    assert run(tmp_path, *WORKSHOP, "next")[1].endswith("uv run workshop 07")


@pytest.mark.parametrize(
    "words", ["break", "check", "next 07", "07 08", "break 07 1 checker 2", "07 --no-resume"]
)
def test_what_is_not_understood_is_said_with_an_example(words: str) -> None:
    code, output = run(ROOT, *WORKSHOP, *words.split())
    assert code == 2
    assert re.search(r"error: .*(uv run workshop|--all)", output), output


@pytest.mark.parametrize("lesson", ["07", "09", "10", "11"])
def test_nonsense_for_the_client_is_refused(lesson: str) -> None:
    code, output = run(ROOT, *WORKSHOP, lesson, "--", "--nonsense")
    assert code != 0
    assert "unrecognized arguments: --nonsense" in output, output
    assert "Traceback" not in output
