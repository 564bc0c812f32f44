"""python -m pytorch_refresher: the list, run, practice and data."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from course import LESSONS, chapters, copy_with_bodies, problems

from pytorch_refresher import __main__ as command


def course(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytorch_refresher", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def small_lesson(folder, number, title, body):
    """A lesson of its own kind, which prints and then runs `body`."""
    (folder / f"{number}_x").mkdir()
    (folder / f"{number}_x" / "lesson.py").write_text(f'"""Lesson {number}: {title}"""\n{body}\n')


@pytest.fixture
def small_course(tmp_path, monkeypatch):
    """Three lessons instead of twenty: one runs, one crashes, one takes long."""
    small_lesson(tmp_path, "01", "Good", "print('ran 01')")
    small_lesson(tmp_path, "02", "Broken", "1 / 0")
    small_lesson(tmp_path, "03", "Slow", "import time\nprint('begun', flush=True)\ntime.sleep(60)")
    return tmp_path


DRIVER = """
import pathlib, sys
from pytorch_refresher import __main__ as command
command.PACKAGE = pathlib.Path(sys.argv.pop(1))
sys.exit(command.main())
"""


def test_lists_the_lessons_and_the_practice_so_far():
    done = course()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = re.findall(r"^ ?(\w+)  (.+?) +0 of (\d) solved$", done.stdout, re.MULTILINE)
    listed = {chapter.number: chapter.title for chapter in chapters().values()}
    assert len(lines) == len(LESSONS)
    for (number, title, count), lesson in zip(lines, LESSONS, strict=True):
        assert listed[number] == title
        assert int(count) == len(problems(lesson))


def test_marks_what_is_asked_for_and_the_status_says_whether_all_is_solved():
    done = course("practice", "5", "15")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("not started, lesson.py line ") == 6
    assert done.stdout.endswith("0 of 6 solved.\n")


def test_a_marking_script_reads_json():
    done = course("practice", "01", "--json")
    report = json.loads(done.stdout)
    assert (report["solved"], report["of"]) == (0, 3)
    [entry] = report["lessons"]
    assert entry["lesson"] == "01"
    assert list(entry["verdicts"]) == problems(LESSONS[0])


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("print('noise')", "not yet: it returns None: is a `return` missing?"),
        ("raise SystemExit", "not yet: it ends the program"),
        ("return 1 +", "not yet: lesson.py cannot be loaded (SyntaxError: "),
    ],
)
def test_no_answer_stops_the_marking_or_spoils_the_report(
    tmp_path, monkeypatch, capsys, body, verdict
):
    copy_with_bodies(LESSONS[0], tmp_path, lambda name, parameters: body)
    monkeypatch.setattr(command, "PACKAGE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["refresher", "practice", "--json"])
    assert command.main() == 1
    report = json.loads(capsys.readouterr().out)
    assert all(line.startswith(verdict) for line in report["lessons"][0]["verdicts"].values())


def test_all_solved_is_status_0(tmp_path, monkeypatch, capsys):
    copy_with_bodies(LESSONS[0], tmp_path)
    monkeypatch.setattr(command, "PACKAGE", tmp_path)
    monkeypatch.setattr(sys, "argv", ["refresher", "practice"])
    status = command.main()
    assert status == 0, capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["run", "21"], ["practice", "05", "nonsense"]])
def test_an_unknown_lesson_gets_the_names_there_are(arguments):
    done = course(*arguments)
    assert done.returncode == 2
    numbers = " ".join(command.all_lessons()[i].number for i in range(len(LESSONS)))
    assert f"there is no lesson '{arguments[-1]}'. There are: {numbers}" in done.stderr


@pytest.mark.parametrize("name", ["5", "05", "05_tensor_gradients"])
def test_a_lesson_has_several_names(name):
    [lesson] = command.chosen([name], None)
    assert lesson.file.parent.name == "05_tensor_gradients"


def test_a_lesson_that_crashes_does_not_stop_the_others(small_course):
    small_lesson(small_course, "04", "Last", "print('ran 04')")
    (small_course / "03_x" / "lesson.py").unlink()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(small_course), "run", "all"],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert "ran 01" in done.stdout and "ran 04" in done.stdout
    assert re.search(r"^01  Good +\d+\.\d s$", done.stdout, re.MULTILINE)
    assert re.search(r"^02  Broken +\d+\.\d s   failed, status 1$", done.stdout, re.MULTILINE)
    assert re.search(r"^04  Last +\d+\.\d s$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_ends_a_run_at_once_and_says_what_was_run(small_course):
    (small_course / "02_x" / "lesson.py").unlink()
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(small_course), "run", "all"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )
    seen = ""
    while "begun" not in seen:
        seen += process.stdout.readline()
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    rest, _ = process.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert process.returncode == 130
    assert re.search(r"^01  Good +\d+\.\d s$", rest, re.MULTILINE)
    assert "Stopped, with 1 of 2 lessons not run to the end." in rest


def test_data_says_what_is_there(tmp_path):
    done = course("data", PYTORCH_REFRESHER_DATA=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert re.search(r"oxford_flowers +344\.9 MB to fetch   not there", done.stdout)
    (tmp_path / "text").mkdir()
    assert "text" in course("data", PYTORCH_REFRESHER_DATA=str(tmp_path)).stdout


def test_a_dataset_that_cannot_be_fetched_gets_one_sentence(tmp_path):
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    (tmp_path / "in_the_way").touch()
    done = course(
        "data",
        "--download",
        "text",
        PYTORCH_REFRESHER_DATA=str(tmp_path / "in_the_way" / "data"),
        **nowhere,
    )
    assert done.returncode == 1
    assert re.fullmatch(r"\nCannot write [^\n]+\n", done.stderr)
