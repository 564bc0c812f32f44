"""Every lesson runs, says what its README says it draws, and leaves nothing else behind."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from pytorch_refresher._common.figures import lesson_prefix

import pytest
import torch
from course import FIGURES, LESSONS, PROJECT, each_lesson, problems, run


def test_there_are_lessons():
    assert LESSONS


@each_lesson
def test_runs_without_a_warning(lesson, whole_run):
    done = whole_run(lesson)
    assert done.status == 0, done.errors
    assert done.errors == ""


@each_lesson
def test_prints_its_title_its_sections_and_an_untouched_report(lesson, whole_run):
    output = whole_run(lesson).output
    title = ast.get_docstring(ast.parse((lesson / "lesson.py").read_text(encoding="utf-8")))
    assert output.splitlines()[0] == title.splitlines()[0]
    sections = re.findall(r"^(\d+)\. .+\n-+$", output, flags=re.MULTILINE)
    assert sections == [str(number) for number in range(1, len(sections) + 1)]
    assert 5 <= len(sections) <= 9
    names = problems(lesson)
    assert 1 <= len(names) <= 3
    report = output[output.index("\nPractice\n--------\n") :]
    verdicts = re.findall(r"^\d\. (\w+) +not started, lesson\.py line \d+$", report, re.MULTILINE)
    assert verdicts == names
    assert output.endswith(f"0 of {len(names)} solved.\n")


@each_lesson
def test_draws_the_pictures_that_the_documents_keep(lesson, whole_run):
    drawn = {path.name for path in whole_run(lesson).figures.glob("*")}
    prefix = f"{lesson_prefix(lesson.name)}_"
    assert drawn == {path.name for path in FIGURES.glob(f"{prefix}*")}


@each_lesson
def test_imports_without_running(lesson):
    # Only what binds a name may stand at the top of a lesson: nothing there prints or computes.
    tree = ast.parse((lesson / "lesson.py").read_text(encoding="utf-8"))
    *body, last = tree.body[1:]
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    others = [ast.unparse(node) for node in body if not isinstance(node, allowed)]
    assert others == ["sys.path.insert(0, str(Path(__file__).resolve().parents[2]))"]
    assert ast.unparse(last) == "if __name__ == '__main__':\n    main()"


# Python's own library and the nine packages, but not what an install of the course adds.
WITHOUT_THE_COURSE = """
import runpy, sys
sys.path.append({packages!r})
for lesson in sys.argv[1:]:
    runpy.run_path(lesson)
print("imported")
sys.argv = [sys.argv[-1], "--practice"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_lessons_run_where_the_course_is_not_installed(tmp_path):
    program = WITHOUT_THE_COURSE.format(packages=str(Path(torch.__file__).parents[1]))
    files = [str(lesson / "lesson.py") for lesson in LESSONS]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, *files],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("imported\n")
    assert done.stdout.endswith("0 of 3 solved.\n")


@pytest.mark.parametrize("path", ["lesson.py", "./lesson.py"])
def test_a_lesson_runs_in_its_own_folder(path, tmp_path):
    done = subprocess.run(
        [sys.executable, path, "--figures", str(tmp_path)],
        cwd=LESSONS[0],
        capture_output=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("0 of 3 solved.\n")
    assert list(tmp_path.glob("01_*.png"))


@each_lesson
def test_says_how_to_install_the_course(lesson, tmp_path):
    # -S leaves out site-packages: the lesson finds neither PyTorch nor the course.
    done = run(lesson, folder=tmp_path, options=("-S",))
    assert done.status == 1
    assert done.output == ""
    assert re.fullmatch(r"No module named '\w+'\. .*pip install -e \.\n", done.errors)


def test_an_unknown_flag_gets_one_sentence(tmp_path):
    done = run(LESSONS[0], "--practise", folder=tmp_path)
    assert done.status == 2
    assert done.errors.endswith("error: unrecognized arguments: --practise\n")


@pytest.mark.parametrize("path", sorted(FIGURES.glob("*")), ids=lambda path: path.name)
def test_a_picture_is_small(path):
    assert path.suffix == ".png"
    assert path.stat().st_size < 150_000


def test_figures_that_cannot_be_saved_do_not_stop_a_lesson(tmp_path):
    (tmp_path / "in_the_way").touch()
    first = next(
        lesson for lesson in LESSONS if list(FIGURES.glob(f"{lesson_prefix(lesson.name)}_*"))
    )
    done = run(first, "--figures", "in_the_way", folder=tmp_path)
    assert done.status == 0, done.errors
    assert re.search(r"^Figure not saved: in_the_way.*: .+\. --figures DIR", done.output, re.M)
    assert "solved.\n" in done.output


def test_show_without_a_screen_says_so(tmp_path):
    first = next(
        lesson for lesson in LESSONS if list(FIGURES.glob(f"{lesson_prefix(lesson.name)}_*"))
    )
    done = run(first, "--show", "--figures", "figures", folder=tmp_path)
    assert done.status == 0, done.errors
    assert "No window:" in done.output
    assert done.errors == ""


def test_every_folder_of_a_lesson_is_whole():
    for lesson in LESSONS:
        for name in ("README.md", "lesson.py", "solutions.py", "checks.py"):
            assert (lesson / name).is_file(), f"{lesson.name} lacks {name}"
        assert (PROJECT / "tests" / "mistakes" / f"{lesson.name}.py").is_file()
