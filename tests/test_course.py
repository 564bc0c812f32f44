"""python -m pytorch_refresher: the list, run, practice and data."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from pytorch_refresher import __main__ as command

import pytest
from course import LESSONS, chapters, problems


def course(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytorch_refresher", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


@pytest.fixture
def small_course(tmp_path):
    """A copy of the course with lessons of a line each: one runs, one crashes, one takes long."""
    for lesson, body in zip(
        LESSONS,
        ["print('ran 01')", "1 / 0", "import time; print('begun', flush=True); time.sleep(60)"]
        + ["print('ran')"] * 17,
        strict=True,
    ):
        folder = tmp_path / "pytorch_refresher" / lesson.name
        folder.mkdir(parents=True)
        (folder / "lesson.py").write_text(body)
    package = lesson.parent
    shutil.copytree(package / "_common", tmp_path / package.name / "_common")
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(package / name, tmp_path / package.name)
    return tmp_path


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
    done = course("practice", "5", "05", "15")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("not started, lesson.py line ") == 6
    assert done.stdout.endswith("0 of 6 solved.\n")
    assert course("practice", "--watch").returncode == 2


@pytest.mark.parametrize("arguments", [["run", "21"], ["practice", "05", "nonsense"]])
def test_an_unknown_lesson_gets_the_names_there_are(arguments):
    done = course(*arguments)
    assert done.returncode == 2
    numbers = " ".join(chapter.number for chapter in chapters().values())
    assert f"there is no lesson '{arguments[-1]}'. There are: {numbers}" in done.stderr


@pytest.mark.parametrize(
    "name", ["5", "05", "05_tensor_gradients", "somewhere/05_tensor_gradients/"]
)
def test_a_lesson_has_several_names(name):
    [lesson] = command.chosen([name, "5"], None)
    assert lesson.folder == "05_tensor_gradients"
    assert command.chosen(["b"], None)[0].number == "B"
    assert len(command.chosen(["ALL"], None)) == len(LESSONS)


def in_small_course(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pytorch_refresher", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )


def test_a_lesson_that_crashes_does_not_stop_the_others(small_course):
    process = in_small_course(small_course, "run", "01", "02", "04")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith("ran 01")
    assert re.search(r"^01  Tensors +\d+\.\d s$", output, re.MULTILINE)
    assert re.search(r"^02  Reshaping +\d+\.\d s   failed, status 1$", output, re.MULTILINE)
    assert re.search(r"^04  Math and .+ +\d+\.\d s$", output, re.MULTILINE)


def test_folders_that_are_none_of_the_courses_change_nothing(small_course):
    """A learner's backup of a lesson, and lessons of their own."""
    package = small_course / "pytorch_refresher"
    shutil.copytree(package / "01_tensors", package / "01_a_backup")
    (package / "mine").mkdir()
    (package / "mine" / "lesson.py").write_text("1 / 0")
    process = in_small_course(small_course, "run", "01")
    output, _ = process.communicate(timeout=60)
    assert output.startswith("ran 01") and process.returncode == 0


def test_a_reader_who_has_seen_enough_ends_a_run_quietly():
    done = subprocess.run(
        f"{shlex.quote(sys.executable)} -m pytorch_refresher run 01 | head -1",
        shell=True,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.stdout, done.stderr) == ("Lesson 01: Tensors\n", "")


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_ctrl_c_ends_a_run_at_once_and_says_what_was_run(small_course):
    process = in_small_course(small_course, "run", "01", "03", "04")
    seen = ""
    while "begun" not in seen:
        seen += process.stdout.readline()
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    rest, _ = process.communicate(timeout=60)
    assert time.monotonic() - start < 30
    assert process.returncode == 130
    assert re.search(r"^01  Tensors +\d+\.\d s$", rest, re.MULTILINE)
    assert "Stopped, with 2 of 3 lessons not run to the end." in rest


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
