"""Marking, both ways: right answers are accepted, and wrong ones turned away with a hint."""

import inspect

import pytest
import torch
from course import (
    LESSONS,
    PROJECT,
    copy_with_bodies,
    each_lesson,
    lesson_module,
    load,
    problems,
    run,
    solutions_module,
)

from pytorch_refresher._common.practice import expect, expect_close, mark

PROBLEMS = [(lesson, name) for lesson in LESSONS for name in problems(lesson)]
each_problem = pytest.mark.parametrize(
    ("lesson", "name"),
    [pytest.param(*each, id=f"{each[0].name}-{each[1]}") for each in PROBLEMS],
)
ANSWERS = {
    lesson: load(path)
    for lesson in LESSONS
    if (path := PROJECT / "tests" / "mistakes" / f"{lesson.name}.py").exists()
}
MISTAKES = {lesson: answers.MISTAKES for lesson, answers in ANSWERS.items()}
ALSO_RIGHT = {lesson: answers.ALSO_RIGHT for lesson, answers in ANSWERS.items()}


def check_of(lesson, name):
    return getattr(solutions_module(lesson), f"check_{name}")


@each_problem
@pytest.mark.parametrize("seed", range(5))
def test_the_reference_answer_is_right(lesson, name, seed):
    reference = getattr(solutions_module(lesson), name)
    assert mark(reference, check_of(lesson, name), seed) == "solved"


@each_problem
def test_the_untouched_stub_is_not_started(lesson, name):
    verdict = mark(getattr(lesson_module(lesson), name), check_of(lesson, name))
    assert verdict.startswith("not started, lesson.py line ")


@each_problem
def test_stub_and_reference_take_the_same_arguments(lesson, name):
    stub = inspect.signature(getattr(lesson_module(lesson), name))
    reference = inspect.signature(getattr(solutions_module(lesson), name))
    assert list(stub.parameters) == list(reference.parameters)


@each_problem
def test_the_stub_says_what_to_return(lesson, name):
    number = problems(lesson).index(name) + 1
    text = inspect.getdoc(getattr(lesson_module(lesson), name))
    assert text.startswith(f"Problem {number}. ")
    assert "eturn" in text


@each_problem
def test_two_mistakes_and_two_other_right_answers_or_more_are_known(lesson, name):
    assert len(MISTAKES[lesson][name]) >= 2
    assert len(ALSO_RIGHT[lesson][name]) >= 2


@pytest.mark.parametrize(
    ("lesson", "name", "wrong", "hint"),
    [
        pytest.param(lesson, name, wrong, hint, id=f"{lesson.name}-{name}-{wrong.__name__}")
        for lesson, mistakes in MISTAKES.items()
        for name, answers in mistakes.items()
        for wrong, hint in answers
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_mistake_gets_its_hint(lesson, name, wrong, hint, seed):
    verdict = mark(wrong, check_of(lesson, name), seed)
    assert verdict.startswith("not yet: ")
    assert hint in verdict


@pytest.mark.parametrize(
    ("lesson", "name", "right"),
    [
        pytest.param(lesson, name, right, id=f"{lesson.name}-{name}-{right.__name__}")
        for lesson, problems_of in ALSO_RIGHT.items()
        for name, answers in problems_of.items()
        for right in answers
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_a_right_answer_written_another_way_is_accepted(lesson, name, right, seed):
    assert mark(right, check_of(lesson, name), seed) == "solved"


@each_problem
def test_an_answer_of_none_says_so(lesson, name):
    verdict = mark(lambda *inputs, **options: None, check_of(lesson, name))
    assert verdict == "not yet: it returns None: is a `return` missing?"


@each_problem
@pytest.mark.parametrize("result", [torch.zeros(2, 7), 3.5, "text", (), {}, [1, 2]], ids=str)
def test_nonsense_is_turned_away_without_a_crash(lesson, name, result):
    verdict = mark(lambda *inputs, **options: result, check_of(lesson, name))
    assert verdict.startswith("not yet: ")
    assert "\n" not in verdict


# What the marking itself says, on a problem with one right answer: twice the input.


def check_double(answer):
    expect_close(answer(torch.tensor([1.0, 2.0])), torch.tensor([2.0, 4.0]))


def not_started(x):
    raise NotImplementedError


def calls_another_stub(x):
    return not_started(x)


def stops_inside(x):
    return x @ torch.ones(3)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (lambda x: x + x, "solved"),
        (lambda x: 2 * x.requires_grad_(), "solved"),
        (lambda x: None, "not yet: it returns None: is a `return` missing?"),
        (lambda x: 4.0, "not yet: the result is a float, expected a Tensor"),
        (lambda x: x[:1], "not yet: the result has shape (1,), expected (2,)"),
        (
            lambda x: (2 * x).double(),
            "not yet: the result is torch.float64, expected torch.float32",
        ),
        (
            lambda x: x**2 + 1,
            "not yet: the result has the right shape, but at [1] it is 5, expected 4",
        ),
        (lambda x: x / 0 * 0, "not yet: the result holds NaN: was there a 0/0 or a log of 0?"),
    ],
)
def test_each_kind_of_answer_gets_its_own_line(answer, verdict):
    assert mark(answer, check_double) == verdict


def test_an_unsolved_or_broken_answer_gets_its_line_number():
    line = inspect.getsourcelines(not_started)[1] + 1
    assert mark(not_started, check_double) == f"not started, test_practice.py line {line}"
    verdict = mark(stops_inside, check_double)
    line = inspect.getsourcelines(stops_inside)[1] + 1
    assert verdict.startswith(f"not yet: test_practice.py line {line} stops with RuntimeError: ")
    verdict = mark(calls_another_stub, check_double)
    assert "stops with NotImplementedError" in verdict


def test_whole_numbers_must_be_equal():
    def check(answer):
        expect_close(answer(), torch.tensor([1_000_000]))

    assert mark(lambda: torch.tensor([1_000_000]), check) == "solved"
    assert mark(lambda: torch.tensor([1_000_001]), check).startswith("not yet: ")


def test_a_mark_does_not_depend_on_what_ran_before():
    draws = []

    def check(answer):
        draws.append(torch.rand(1).item())
        expect(bool(answer()), "wrong")

    mark(lambda: True, check)
    torch.rand(5)
    mark(lambda: True, check)
    assert draws[0] == draws[1]


# As a learner would: in a copy of the lesson's folder, something stands in for each stub's body.


@each_lesson
def test_answers_written_into_the_lesson_are_solved(lesson, tmp_path):
    """Also on a terminal that knows no more than ASCII, and without running the sections."""
    copy = copy_with_bodies(lesson, tmp_path)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = run(copy, "--practice", folder=tmp_path, **ascii_only)
    assert done.status == 0, done.errors
    before, report = done.output.split("Practice\n--------\n")
    assert "\n1. " not in before
    assert report.startswith("1. ")
    count = len(problems(lesson))
    assert report.endswith(f"{count} of {count} solved.\n"), report
    assert not (copy / "outputs").exists()


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("pass", "not yet: it returns None: is a `return` missing?"),
        ("return 1 / 0", "not yet: lesson.py line "),
        ("return no_such_name", "not yet: lesson.py line "),
    ],
)
def test_a_broken_answer_does_not_stop_the_lesson(tmp_path, body, verdict):
    copy = copy_with_bodies(LESSONS[0], tmp_path, lambda name, parameters: body)
    done = run(copy, "--practice", folder=tmp_path)
    assert done.status == 0, done.errors
    assert done.errors == ""
    assert done.output.count(verdict) == len(problems(LESSONS[0]))
