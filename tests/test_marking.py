"""The marking itself: what it says of each kind of answer, and that no answer harms another."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from pytorch_refresher._common import course, practice
from pytorch_refresher._common.marking import (
    NotYet,
    expect,
    expect_close,
    expect_parts,
    expect_type,
    mark,
    reject,
)

import numpy as np
import pytest
import torch
from course import PROJECT, copy_with_answers

FIRST = course.COURSE[0]
NAMES = practice.problems(FIRST)


# What a check says, on a problem with one right answer: twice the input.


def check_double(answer):
    expect_close(answer(torch.tensor([1.0, 2.0])), torch.tensor([2.0, 4.0]))


def not_started(x):
    raise NotImplementedError


def calls_another_stub(x):
    return not_started(x)


def stops_inside(x):
    return x @ torch.ones(3)


def endless(x):
    return endless(x)


def no_text(x):
    class Silent(Exception):
        def __str__(self):
            raise ValueError

    raise Silent


def long_text(x):
    raise ValueError("\x1b[31m" + "long " * 100_000)


def softmax_of_integers(x):
    return x.long().softmax(dim=0)


@pytest.mark.parametrize(
    ("answer", "kind", "line"),
    [
        (lambda x: x + x, "solved", "solved"),
        (lambda x: 2 * x.requires_grad_(), "solved", "solved"),
        (lambda x: None, "wrong", "not yet: it returns None: is a `return` missing?"),
        (lambda x: 4.0, "wrong", "not yet: the result is a float, expected a Tensor"),
        (lambda x: x[:1], "wrong", "not yet: the result has shape (1,), expected (2,)"),
        (lambda x: x.double(), "wrong", "not yet: the result is torch.float64, expected torch.float32"),
        (lambda x: x**2 + 1, "wrong", "right shape, but at [1] it is 5, expected 4"),
        (lambda x: x / 0 * 0, "wrong", "contains NaN: was there a 0/0 or a log of 0?"),
        (not_started, "not started", "not started, test_marking.py line "),
        (calls_another_stub, "error", "stops with NotImplementedError"),
        (softmax_of_integers, "error", "stops with NotImplementedError: "),
        (stops_inside, "error", "stops with RuntimeError: "),
        (endless, "error", "stops with RecursionError: "),
        (no_text, "error", "stops with Silent: its text cannot be shown"),
        (long_text, "error", "stops with ValueError: ?[31mlong long"),
        (lambda x: sys.exit(), "ended", "not yet: it ends the program"),
    ],
)  # fmt: skip
def test_each_kind_of_answer_gets_its_own_line(answer, kind, line):
    verdict = mark(answer, check_double)
    assert verdict.kind == kind
    assert line in verdict.line
    assert len(verdict.line) < 400


def leaves_a_filter(x):
    warnings.simplefilter("ignore")
    return 2 * x


def leaves_a_figure(x):
    import matplotlib.pyplot as plt

    plt.figure()
    return 2 * x


def leaves(call, *arguments):
    def answer(x):
        call(*arguments)
        return 2 * x

    return answer


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (leaves(torch.set_default_dtype, torch.float64), "the default dtype"),
        (leaves(torch.set_default_device, "meta"), "the default device"),
        (leaves(torch.set_grad_enabled, False), "grad mode"),
        (leaves(torch.set_num_threads, 3), "the number of threads"),
        (leaves(torch.manual_seed, 0), "PyTorch's seed"),
        (leaves(torch.use_deterministic_algorithms, True), "deterministic mode"),
        (leaves(os.chdir, ".."), "the working folder"),
        (leaves_a_filter, "the warnings filters"),
        (leaves_a_figure, "the list of open figures"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_answer_leaves_the_settings_alone(answer, what):
    def state():
        return torch.tensor(1.0), torch.get_num_threads(), torch.is_grad_enabled(), os.getcwd()

    before = state()
    verdict = mark(answer, check_double)
    assert verdict.kind == "side effect"
    assert what in verdict.line
    assert state() == before and state()[0].dtype == torch.float32
    assert mark(lambda x: 2 * x, check_double).kind == "solved"


def test_an_error_is_told_although_it_leaves_a_figure_open():
    def answer(x):
        leaves_a_figure(x)
        return x @ torch.ones(3)

    assert "stops with RuntimeError" in mark(answer, check_double).line


def test_numbers_of_any_kind_are_numbers():
    for number in (2.0, 2, np.float32(2), np.int64(2)):
        expect_type(number, float)
        expect_close(number, 2.0)
    expect_type(np.int64(2), int)
    for nothing in (True, "2", torch.tensor(2.0), np.array([2.0])):
        with pytest.raises(NotYet):
            expect_type(nothing, float)
    with pytest.raises(NotYet, match="expected an int"):
        expect_type(2.0, int)
    with pytest.raises(NotYet, match="1000001, expected 1000000|1e\\+06"):
        expect_close(torch.tensor([1_000_001]), torch.tensor([1_000_000]))
    assert expect_parts([1, 2], "one", "two") == (1, 2)


def test_reject_names_the_first_mistake_that_fits():
    right = torch.tensor([1.0, -2.0])
    mistakes = {"sign lost": right.abs(), "doubled": 2 * right, "no mistake here": right}
    reject(right, right, mistakes)
    reject(torch.tensor([7.0, 7.0]), right, mistakes)  # unknown: expect_close has the word
    for wrong, hint in ((right.abs(), "sign lost"), (2 * right.double(), "doubled")):
        with pytest.raises(NotYet, match=hint):
            reject(wrong, right, mistakes)
    with pytest.raises(NotYet, match="the root"):
        reject(np.float64(2.0), 4.0, {"the root": 2.0})


def test_a_mark_does_not_depend_on_what_ran_before():
    draws = []

    def check(answer):
        draws.append(torch.rand(1).item())
        expect(bool(answer()), "wrong")

    mark(lambda: True, check)
    torch.rand(5)
    mark(lambda: True, check)
    assert draws[0] == draws[1]


# Answers in a process of their own. The first answer does harm, the others are right.

RIGHT = """
import importlib
solutions = importlib.import_module("pytorch_refresher.01_tensors.solutions")
through_a_tensor, megabytes = solutions.through_a_tensor, solutions.megabytes
"""
FIRST_ANSWER = f"def {NAMES[0]}(*inputs):\n    {{}}\n"


def verdicts(folder: Path, answers: str, seconds: float = 60):
    """What becomes of answers that are written into lesson 01."""
    file = copy_with_answers(FIRST.file.parent, folder, answers) / "lesson.py"
    with practice.Marker(practice.Limits(seconds)) as marker:
        return {name: verdict for name, verdict, _ in practice.mark_lesson(FIRST, file, marker)}


@pytest.mark.parametrize(
    ("code", "kind", "line"),
    [
        ("raise SystemExit", "ended", "it ends the program"),
        ("import os; os._exit(0)", "ended", "it ends Python with status 0"),
        ("import os; os.abort()", "ended", "it crashes Python"),
        ("while True: pass", "time", "it takes longer than 5 seconds"),
        ("while True: print('noise' * 1000)", "output", "it prints more than 1 MB"),
        ("import os; os.write(1, b'{}' * 9); return 3", "wrong", "return 4 things"),
        ("import os; os.closerange(0, 99)", "ended", "it "),
        ("raise KeyboardInterrupt", "error", "stops with KeyboardInterrupt"),
        ("import torch; torch.set_default_dtype(torch.float64)", "side effect", "the default dtype"),
    ],
)  # fmt: skip
def test_an_answer_costs_no_other_its_mark(tmp_path, code, kind, line):
    found = verdicts(tmp_path, RIGHT + FIRST_ANSWER.format(code), seconds=5)
    assert found[NAMES[0]].kind == kind
    assert line in found[NAMES[0]].line
    assert [found[name].line for name in NAMES[1:]] == ["solved", "solved"]


def test_a_thread_that_goes_on_keeps_nobody_waiting(tmp_path):
    code = "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
    start = time.monotonic()
    found = verdicts(tmp_path, RIGHT + FIRST_ANSWER.format(code))
    assert [found[name].line for name in NAMES[1:]] == ["solved", "solved"]
    assert time.monotonic() - start < 120


def test_answers_of_any_form_are_marked(tmp_path):
    """Decorated, partial, callable objects; with a helper beside it and a dataclass."""
    answers = """
from __future__ import annotations  # dataclasses look their own module up
import dataclasses, functools, importlib, helper
solutions = importlib.import_module("pytorch_refresher.01_tensors.solutions")
assert __file__ == str(Path(__file__)) and sys.argv[0] == __file__

@dataclasses.dataclass
class Callable:
    function: object
    def __call__(self, *inputs):
        return self.function(*inputs)

marked_cube = functools.lru_cache(solutions.marked_cube)
through_a_tensor = Callable(solutions.through_a_tensor)
megabytes = functools.partial(solutions.megabytes)
"""
    copy = copy_with_answers(FIRST.file.parent, tmp_path, answers.partition("\n")[2])
    text = (copy / "lesson.py").read_text(encoding="utf-8")
    future = "from __future__ import annotations  # dataclasses look their own module up\n"
    before, quotes, after = text.partition('"""\n\n')
    (copy / "lesson.py").write_text(before + quotes + future + after.replace(future, ""))
    (copy / "helper.py").touch()
    with practice.Marker() as marker:
        lines = [
            each.line for _, each, _ in practice.mark_lesson(FIRST, copy / "lesson.py", marker)
        ]
    assert lines == ["solved"] * 3


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"def broken(:\n", "lesson.py line 1 cannot be read (invalid syntax)"),
        (b"x = 1 / 0\n", "lesson.py cannot be loaded (ZeroDivisionError: division by zero)"),
        (b"x = '\xe4'\n", "lesson.py line 1 cannot be read"),
        (b"\0", "cannot be read"),
        (b"", "lesson.py has no function marked_cube"),
        (None, "lesson.py cannot be read (No such file or directory)"),
    ],
)
def test_a_lesson_that_cannot_be_loaded_gets_one_line(tmp_path, content, line):
    file = tmp_path / FIRST.folder / "lesson.py"
    file.parent.mkdir()
    if content is not None:
        file.write_bytes(content)
    with practice.Marker() as marker:
        found = {name: each for name, each, _ in practice.mark_lesson(FIRST, file, marker)}
    assert list(found) == NAMES
    assert {each.kind for each in found.values()} == {"not marked"}
    assert line in found[NAMES[0]].line


def test_a_stub_is_seen_without_running_anything(tmp_path):
    """The answer below a stub counts, and so does an import; a class is a stub by its methods."""
    import ast

    def untouched(code):
        return practice._untouched(ast.parse(code), "f")

    stub = "def f():\n    'Says what to do.'\n    raise NotImplementedError\n"
    assert untouched(stub) == 3
    assert untouched("import functools\n@functools.cache\n" + stub) == 5
    assert untouched(stub + "def f(): return 1\n") is None
    assert untouched(stub + "f = len\n") is None
    assert untouched(stub + "from math import sin as f\n") is None
    assert untouched("def f(x):\n    y = x\n    raise NotImplementedError\n") is None
    a_class = "class f:\n    def __init__(self):\n        super().__init__()\n        {}\n"
    assert untouched(a_class.format("raise NotImplementedError")) == 4
    assert untouched(a_class.format("pass")) is None
    with practice.Marker() as marker:
        file = copy_with_answers(FIRST.file.parent, tmp_path, "pass") / "lesson.py"
        list(practice.mark_lesson(FIRST, file, marker))
        assert marker._worker is None


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_an_answer_that_takes_too_much_memory_costs_itself_its_mark(tmp_path):
    code = RIGHT + FIRST_ANSWER.format("import torch; return torch.ones(3_000_000_000)")
    file = copy_with_answers(FIRST.file.parent, tmp_path, code) / "lesson.py"
    with practice.Marker(practice.Limits(60, megabytes=6000)) as marker:
        found = {name: each for name, each, _ in practice.mark_lesson(FIRST, file, marker)}
    assert found[NAMES[0]].kind in ("error", "ended")
    assert [found[name].line for name in NAMES[1:]] == ["solved", "solved"]


def test_what_an_answer_prints_is_shown_and_cut_off(tmp_path, capsys):
    code = RIGHT + FIRST_ANSWER.format(
        "print('look: ' + 'x' * 5000); import os; os.write(1, b'end')"
    )
    file = copy_with_answers(FIRST.file.parent, tmp_path, code) / "lesson.py"
    practice.report_practice(str(file))
    output = capsys.readouterr().out
    assert "look: xxxx" in output and "end" not in output and len(output) < 3000
    assert "2 of 3 solved." in output


# The command


def course_command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytorch_refresher", "practice", *arguments],
        cwd=PROJECT,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        **options,
    )


def test_json_is_json_whatever_the_answers_do(tmp_path):
    code = RIGHT + FIRST_ANSWER.format("import os; os.write(1, b'noise'); os._exit(0)")
    copy_with_answers(FIRST.file.parent, tmp_path, code)
    done = course_command("01", "02", "--json", "--from", str(tmp_path))
    report = json.loads(done.stdout)
    assert (report["solved"], report["of"]) == (2, 3)
    assert report["lessons"][0]["kinds"] == dict(
        zip(NAMES, ["ended", "solved", "solved"], strict=True)
    )
    assert "has no 02_tensor_reshaping/lesson.py" in report["lessons"][1]["error"]
    assert done.returncode == 3 and done.stderr == ""
    done = course_command("1", "--json", "--from", str(tmp_path), "--output", str(tmp_path / "r"))
    assert json.loads((tmp_path / "r").read_text())["lessons"][0]["lesson"] == "01"
    assert done.returncode == 1 and done.stdout == ""
    done = course_command("01", "--output", str(tmp_path / "no" / "r"))
    assert done.returncode == 1 and done.stderr.startswith("\nCannot write ")


def test_a_missing_file_of_the_course_gets_one_sentence(monkeypatch, tmp_path):
    (tmp_path / FIRST.folder).mkdir()
    monkeypatch.setattr(practice, "PACKAGE", tmp_path)
    with pytest.raises(
        practice.LessonError, match=r"01_tensors/checks.py is missing, .* git checkout"
    ):
        practice.problems(FIRST)
    (tmp_path / FIRST.folder / "checks.py").touch()
    with pytest.raises(practice.LessonError, match=r"01_tensors/solutions.py is missing"):
        practice.problems(FIRST)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a whole console")
def test_watch_marks_at_every_save_until_ctrl_c(tmp_path):
    file = copy_with_answers(FIRST.file.parent, tmp_path, "pass") / "lesson.py"
    command = [sys.executable, "-m", "pytorch_refresher", "practice", "01", "--watch"]
    process = subprocess.Popen(
        [*command, "--from", str(tmp_path)], cwd=PROJECT, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:

        def read_until(pattern):
            seen = ""
            while not re.search(pattern, seen):
                line = process.stdout.readline()
                assert line, seen
                seen += line
            return seen

        assert read_until("Watching").count("not started") == 3
        copy_with_answers(FIRST.file.parent, tmp_path, RIGHT)
        seen = read_until("Watching")
        assert (
            seen.count("solved\n") == 2 and "2 of 3 solved." in seen and "not started" not in seen
        )
        file.touch()  # saved, but nothing is new
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert errors == "\nStopped.\n"
    finally:
        process.kill()


def test_watch_ends_with_the_next_lesson_once_all_is_solved(tmp_path):
    copy_with_answers(FIRST.file.parent, tmp_path)
    done = course_command("01", "--watch", "--from", str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.endswith(
        "3 of 3 solved. Next: Lesson 02: Reshaping, in 02_tensor_reshaping\n"
    )


def test_a_copy_of_a_lesson_is_marked_by_its_name(tmp_path):
    assert course.lesson_of(tmp_path / "01_tensors_my_copy" / "lesson.py") == FIRST
    with pytest.raises(practice.LessonError, match="called 'mine' can't be marked"):
        course.lesson_of(tmp_path / "mine" / "lesson.py")


def test_a_stub_of_this_file_gets_its_line_number():
    line = inspect.getsourcelines(not_started)[1] + 1
    assert mark(not_started, check_double).line == f"not started, test_marking.py line {line}"
