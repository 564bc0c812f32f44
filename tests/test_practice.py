"""Every problem: right answers are accepted, and wrong ones turned away with a hint."""

import inspect
import json
import subprocess
import sys

from pytorch_refresher._common.marking import mark

import pytest
import torch
from course import LESSONS, PROJECT, copy_with_answers, lesson_module, load, part, problems, run

PROBLEMS = [(lesson, name) for lesson in LESSONS for name in problems(lesson)]
each_problem = pytest.mark.parametrize(
    ("lesson", "name"),
    [pytest.param(*each, id=f"{each[0].name}-{each[1]}") for each in PROBLEMS],
)
ANSWERS = {lesson: load(PROJECT / "tests" / "mistakes" / f"{lesson.name}.py") for lesson in LESSONS}
NONSENSE = [torch.zeros(2, 7), 3.5, "text", (), {}, [1, 2], None]


def marker(lesson, name):
    """A function that marks an answer to one problem."""
    check = getattr(part(lesson, "checks"), f"check_{name}")
    return lambda answer, seed=0: mark(answer, check, name=name, seed=seed)


@each_problem
def test_right_answers_are_solved(lesson, name):
    verdict_on = marker(lesson, name)
    reference = getattr(part(lesson, "solutions"), name)
    assert [verdict_on(reference, seed).line for seed in range(3)] == ["solved"] * 3
    others = ANSWERS[lesson].ALSO_RIGHT[name]
    assert len(others) >= 2
    for other in others:
        assert verdict_on(other).line == "solved", other.__name__


@each_problem
def test_mistakes_get_their_hints_and_nonsense_gets_one_too(lesson, name):
    verdict_on = marker(lesson, name)
    mistakes = ANSWERS[lesson].MISTAKES[name]
    assert len(mistakes) >= 2
    for wrong, hint in mistakes:
        verdict = verdict_on(wrong)
        assert verdict.kind in ("wrong", "error"), wrong.__name__
        assert hint in verdict.line, wrong.__name__
    for result in NONSENSE:
        verdict = verdict_on(lambda *inputs, result=result, **options: result)
        assert verdict.line.startswith("not yet: ")
        assert "\n" not in verdict.line


@each_problem
def test_the_stub_says_what_to_do(lesson, name):
    stub, reference = getattr(lesson_module(lesson), name), getattr(part(lesson, "solutions"), name)
    assert list(inspect.signature(stub).parameters) == list(inspect.signature(reference).parameters)
    text = inspect.getdoc(stub)
    assert text.startswith(f"Problem {problems(lesson).index(name) + 1}")
    assert "eturn" in text or inspect.isclass(stub)
    assert marker(lesson, name)(stub).kind == "not started"


def test_all_answers_of_the_course_are_solved_in_one_run(tmp_path):
    """As a learner would have them: written into the lessons, here in a folder of their own."""
    for lesson in LESSONS:
        copy_with_answers(lesson, tmp_path)
    command = [sys.executable, "-m", "pytorch_refresher", "practice", "--json"]
    done = subprocess.run(
        [*command, "--from", str(tmp_path)], cwd=PROJECT, capture_output=True, encoding="utf-8"
    )
    report = json.loads(done.stdout)
    lines = [line for entry in report["lessons"] for line in entry["verdicts"].values()]
    assert lines == ["solved"] * len(PROBLEMS)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_lesson_marks_its_own_answers(tmp_path):
    """Also on a terminal that knows no more than ASCII, and without running the sections."""
    copy = copy_with_answers(LESSONS[4], tmp_path)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = run(copy, "--practice", folder=tmp_path, **ascii_only)
    assert (done.status, done.errors) == (0, "")
    before, report = done.output.split("Practice\n--------\n")
    assert "\n1. " not in before
    assert report.startswith("1. ")
    assert report.endswith(
        "3 of 3 solved. Next: Lesson 06: Linear Regression, in 06_linear_regression\n"
    )
    assert not (copy / "outputs").exists()
