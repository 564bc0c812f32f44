"""Marks a learner's answers: each problem is a function, its check lives in solutions.py."""

import functools
import importlib.util
import inspect
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch


class NotYet(AssertionError):
    """An answer that is not right yet; the message says what to look at next."""


def expect(condition: bool, hint: str) -> None:
    """Fail with `hint` unless `condition` holds."""
    if not condition:
        raise NotYet(hint)


def expect_type(actual: object, kind: type, what: str = "the result") -> None:
    """Fail unless `actual` is of type `kind` (True and False are no int here)."""
    right = isinstance(actual, kind) and not (isinstance(actual, bool) and kind is not bool)
    expect(right, f"{what} is a {type(actual).__name__}, expected a {kind.__name__}")


def expect_parts(result: object, *names: str) -> tuple:
    """Fail unless `result` is a tuple of as many parts as `names`; return it."""
    expect(
        isinstance(result, (tuple, list)) and len(result) == len(names),
        f"return {len(names)} things: ({', '.join(names)})",
    )
    return tuple(result)


def expect_close(
    actual: object, expected: torch.Tensor, what: str = "the result", rtol: float = 1e-4
) -> None:
    """Compare tensors the way a learner debugs them: type, then shape, dtype and values.

    Whole numbers and booleans must be equal; floats may differ by `rtol` of the expected
    value plus 1e-5.
    """
    expect_type(actual, torch.Tensor, what)
    expect(
        actual.shape == expected.shape,
        f"{what} has shape {tuple(actual.shape)}, expected {tuple(expected.shape)}",
    )
    expect(actual.dtype == expected.dtype, f"{what} is {actual.dtype}, expected {expected.dtype}")
    actual, expected = actual.detach().cpu(), expected.detach().cpu()
    if actual.is_floating_point():
        expect(
            not actual.isnan().any() or bool(expected.isnan().any()),
            f"{what} holds NaN: was there a 0/0 or a log of 0?",
        )
        wrong = ~torch.isclose(actual, expected, rtol=rtol, atol=1e-5, equal_nan=True)
    else:
        wrong = actual != expected
    if wrong.any():
        place = tuple(wrong.nonzero()[0].tolist())
        at = f" at {list(place)}" if place else ""
        raise NotYet(
            f"{what} has the right shape, but{at} it is {actual[place].item():.6g}, "
            f"expected {expected[place].item():.6g}"
        )


def load_solutions(lesson_file: Path) -> ModuleType:
    """Import the solutions.py that lies beside a lesson."""
    path = lesson_file.with_name("solutions.py")
    spec = importlib.util.spec_from_file_location(f"solutions_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mark(problem: Callable, check: Callable, seed: int = 0) -> str:
    """Run one check on one answer: "solved", "not started" or "not yet: " and a hint."""

    @functools.wraps(problem)
    def answer(*inputs, **options):
        result = problem(*inputs, **options)
        expect(result is not None, "it returns None: is a `return` missing?")
        return result

    torch.manual_seed(seed)  # a mark must not depend on what ran before
    try:
        check(answer)
    except NotYet as hint:
        return f"not yet: {hint}"
    except Exception as error:
        return _say_what_broke(problem, error)
    return "solved"


def _say_what_broke(problem: Callable, error: Exception) -> str:
    """The verdict on an answer that raised an error, or that the check could not work with."""
    file = Path(inspect.getfile(problem))
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(file)]
    message = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    if not own:
        return f"not yet: it returns something that the check cannot work with ({message})"
    if isinstance(error, NotImplementedError) and own[-1].name == problem.__name__:
        return f"not started, {file.name} line {own[-1].lineno}"
    return f"not yet: {file.name} line {own[-1].lineno} stops with {message}"


def report_practice(*problems: Callable) -> None:
    """Mark a lesson's practice problems and print one line for each."""
    print("\nPractice\n--------")
    solutions = load_solutions(Path(inspect.getfile(problems[0])))
    width = max(len(problem.__name__) for problem in problems)
    solved = 0
    for number, problem in enumerate(problems, start=1):
        verdict = mark(problem, getattr(solutions, f"check_{problem.__name__}"))
        solved += verdict == "solved"
        print(f"{number}. {problem.__name__:<{width}}  {verdict}")
    print(f"{solved} of {len(problems)} solved.")
