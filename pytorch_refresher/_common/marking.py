"""Marking one answer: what the checks of the practice problems are made of.

A check is a function `check_<problem>(answer)` in a lesson's checks.py. It calls the answer with
inputs of its own and raises `NotYet`, with a hint, as soon as something isn't right.
"""

import contextlib
import functools
import math
import numbers
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pytorch_refresher._common.verdict import Verdict, one_line

import torch
from torch.overrides import TorchFunctionMode


class NotYet(AssertionError):
    """An answer that is not right yet; the message says what to look at next."""


# What checks are made of


def expect(condition: bool, hint: str) -> None:
    """Fail with `hint` unless `condition` holds."""
    if not condition:
        raise NotYet(hint)


def expect_type(actual: object, kind: type, what: str = "the result") -> None:
    """Fail unless `actual` is of type `kind`.

    NumPy's numbers count as int and float, and an int as a float. True and False count as neither.
    """
    wanted = {int: numbers.Integral, float: numbers.Real}.get(kind, kind)
    right = isinstance(actual, wanted) and not (isinstance(actual, bool) and kind is not bool)
    article = "an" if kind.__name__[0].lower() in "aeiou" else "a"
    in_a_tensor = kind in (int, float) and isinstance(actual, torch.Tensor) and actual.numel() == 1
    way = ": item() takes it out of the tensor" if in_a_tensor else ""
    expect(right, f"{what} is {_a(actual)}, expected {article} {kind.__name__}{way}")


def expect_parts(result: object, *names: str) -> tuple:
    """Fail unless `result` is a tuple or list of as many parts as `names`; return a tuple."""
    expect(
        isinstance(result, (tuple, list)) and len(result) == len(names),
        f"return {len(names)} things: ({', '.join(names)})",
    )
    return tuple(result)


def expect_close(
    actual: object, expected: torch.Tensor | float, what: str = "the result", rtol: float = 1e-4
) -> None:
    """Compare tensors the way a learner debugs them: type, then shape, dtype and values.

    Integers and booleans must be equal; floats may differ by `rtol` of the expected value plus
    1e-5. Where a plain number is expected, any kind of number will do.
    """
    if not isinstance(expected, torch.Tensor):
        expect_type(actual, type(expected), what)
        right = math.isclose(actual, expected, rel_tol=rtol, abs_tol=1e-5)
        exact = not isinstance(expected, float)
        expect(
            actual == expected if exact else right,
            f"{what} is {actual:.6g}, expected {expected:.6g}",
        )
        return
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
            f"{what} contains NaN: was there a 0/0 or a log of 0?",
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


def reject(
    actual: object, expected: torch.Tensor | float, mistakes: Mapping[str, torch.Tensor | float]
) -> None:
    """Fail with the hint of the first known mistake that would give exactly what came out.

    mistakes: what each mistake leads to, by its hint. A mistake that leads to the expected result
    with these inputs is nothing to complain about. Follow with `expect_close` for all others.
    """
    if not _same(actual, expected):
        for hint, wrong in mistakes.items():
            expect(not _same(actual, wrong), hint)


class refuse_calls(TorchFunctionMode):  # noqa: N801  it reads as `with refuse_calls("softmax"):`
    """Inside it, a call of one of PyTorch's functions of these names fails with a hint.

    names: as in `torch.softmax`, `F.softmax` and `Tensor.softmax`, which are all "softmax".
    """

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names = names

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        expect(name not in self.names, f"it calls {name}, which is off limits: write it yourself")
        return function(*args, **(kwargs or {}))


def _same(actual: object, other: torch.Tensor | float) -> bool:
    """Whether two tensors, or two numbers, have one shape and the same values."""
    try:
        actual, other = torch.as_tensor(actual).detach(), torch.as_tensor(other).detach()
        return actual.shape == other.shape and torch.allclose(
            actual.double(), other.double(), rtol=1e-4, atol=1e-6, equal_nan=True
        )
    except (TypeError, ValueError, RuntimeError):  # no numbers at all
        return False


def _a(thing: object) -> str:
    name = type(thing).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


# Running one check on one answer


def mark(
    problem: Callable, check: Callable, *, name: str = "", file: Path | None = None, seed: int = 0
) -> Verdict:
    """Run one check on one answer, which `file` (default: where it was written) contains.

    An answer that leaves one of PyTorch's global settings, the warnings filters, the working
    folder or open figures changed is told so, and the settings are put back.
    """
    name = name or getattr(problem, "__name__", "")
    if file is None:
        code = getattr(problem, "__code__", None)
        module = sys.modules.get(getattr(problem, "__module__", None))
        file = Path(code.co_filename if code else getattr(module, "__file__", "") or "")

    @functools.wraps(problem)
    def answer(*inputs, **options):
        result = problem(*inputs, **options)
        expect(result is not None, "it returns None: is a `return` missing?")
        return result

    # A mark must not depend on what ran before. Nor may it begin at a seed that an answer could
    # set, or it would go unnoticed that it does.
    torch.manual_seed(7_300_000 + seed)
    with _settings_kept() as changed:
        try:
            check(answer)
            verdict = Verdict("solved", "solved")
        except NotYet as hint:
            verdict = Verdict("wrong", f"not yet: {one_line(str(hint))}")
        except BaseException as error:
            verdict = _say_what_broke(name, file, error)
    if verdict.kind == "error":  # whoever stops halfway cannot close a figure: the error matters
        changed = [what for what in changed if what != "the list of open figures"]
    if changed and verdict.kind != "not started":
        what = " and ".join(changed)
        return Verdict("side effect", f"not yet: it leaves {what} changed for everything after it")
    return verdict


def _settings() -> dict[str, object]:
    """What an answer has to leave as it was."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    blanket = [each[0] for each in warnings.filters if each[1:4] == (None, Warning, None)]
    return {
        "the default dtype": torch.get_default_dtype(),
        "the default device": torch.get_default_device(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "the number of threads": torch.get_num_threads(),
        "PyTorch's seed": torch.initial_seed(),
        "deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "the warnings filters": blanket,  # others are added by imports, not by answers
        "the working folder": os.getcwd(),
        "the list of open figures": pyplot.get_fignums() if pyplot else [],
    }


@contextlib.contextmanager
def _settings_kept() -> Iterator[list[str]]:
    """Put the settings back afterwards; the list that it gives then names those that changed."""
    before, changed = _settings(), []
    with warnings.catch_warnings():
        try:
            yield changed
        finally:
            after = _settings()
            changed += [what for what in before if before[what] != after[what]]
    torch.set_default_dtype(before["the default dtype"])
    torch.set_grad_enabled(before["grad mode"])
    torch.use_deterministic_algorithms(before["deterministic mode"])
    if "the default device" in changed:
        torch.set_default_device(before["the default device"])
    if "the number of threads" in changed:
        torch.set_num_threads(before["the number of threads"])
    os.chdir(before["the working folder"])
    if "the list of open figures" in changed:
        sys.modules["matplotlib.pyplot"].close("all")


def _say_what_broke(name: str, file: Path | None, error: BaseException) -> Verdict:
    """The verdict on an answer that raised an error, or that the check could not work with."""
    if isinstance(error, SystemExit):
        return Verdict("ended", "not yet: it ends the program")
    message = one_line(f"{type(error).__name__}: {_text_of(error)}").removesuffix(":")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if file and Path(frame.filename) == file]
    if not own:
        line = f"not yet: it returns something that the check cannot work with ({message})"
        return Verdict("wrong", line)
    place = f"{file.name} line {own[-1].lineno}"
    # Only the stub's own `raise`: PyTorch raises NotImplementedError too, for some dtypes say.
    own_raise = own[-1] is frames[-1] and (own[-1].line or "").startswith("raise")
    if isinstance(error, NotImplementedError) and own_raise:
        method = own[-1].name in ("__init__", "forward")  # of a problem that is a class
        if own[-1].name == name or method:
            return Verdict("not started", f"not started, {place}")
    return Verdict("error", f"not yet: {place} stops with {message}")


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:
        return "its text cannot be shown"
