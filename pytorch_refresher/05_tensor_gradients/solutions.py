"""Lesson 05: one answer to each practice problem, and the checks that mark yours."""

from collections.abc import Callable

import torch
from torch import Tensor

from pytorch_refresher._common.practice import expect, expect_close, expect_parts, expect_type


def gradient_at(f: Callable[..., Tensor], values: list[float]) -> Tensor:
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    f(*variables).backward()
    return torch.stack([variable.grad for variable in variables])


def check_gradient_at(answer) -> None:
    functions = [
        (2, lambda x, y: x**2 * y + y**3),
        # The large constant changes no derivative, and drowns small steps in rounding.
        (3, lambda x, y, z: 500 + x * y * z + x**2 + y + z),
        (1, lambda x: 5 * x.sin()),
        (4, lambda a, b, c, d: (a * b + c).square() - 3 * d * a),
    ]
    for count, f in functions:
        values = (torch.rand(count) * 2 + 0.5).tolist()
        expected = gradient_at(f, values)
        result = answer(f, list(values))
        expect_type(result, Tensor)
        value = f(*map(torch.tensor, values))
        expect(
            result.shape != () or not _same(result, value),
            "it returns f's value: the gradient is in .grad of each variable",
        )
        expect(
            result.shape == (count,),
            f"for {count} variables the result has shape {tuple(result.shape)}, "
            f"expected {(count,)}: one derivative for each",
        )
        mistakes = [
            (torch.tensor(values), "it returns the point: the gradient is in .grad"),
            (value.expand(count), "it returns f's value: the gradient is in .grad"),
            (expected.cumsum(dim=0), "gradients add up: each derivative holds the ones before it"),
            (expected.sum().expand(count), "it returns the sum of all derivatives in each place"),
            (expected.flip(0), "the derivatives stand in the wrong order"),
            (2 * expected, "each derivative is twice too large: was backward() called twice?"),
        ]
        _name_the_mistake(result, expected, mistakes)
        expect(
            _same(result, expected) or not _same(result, expected, tolerance=0.1),
            "near the gradient, but not equal to it, as small steps are: let autograd compute it",
        )
        expect_close(result, expected, f"the gradient of a function of {count} variables")


def grouped_gradients(w: Tensor, batches: list[Tensor], group: int) -> Tensor:
    sums = []
    for first in range(0, len(batches), group):
        w.grad = None
        for batch in batches[first : first + group]:
            ((batch @ w) ** 2).mean().backward()
        sums.append(w.grad.clone())
    return torch.stack(sums)


def check_grouped_gradients(answer) -> None:
    # The second and the last case bring an old gradient along.
    for count, group, size, old in (
        (6, 2, 3, False),
        (6, 3, 4, True),
        (4, 1, 2, False),
        (4, 4, 3, True),
    ):
        w = torch.randn(size, requires_grad=True)
        batches = [torch.randn(5, size) + 1 for _ in range(count)]
        each = torch.stack(
            [2 * (batch * (batch @ w.detach())[:, None]).mean(dim=0) for batch in batches]
        )
        expected = each.view(-1, group, size).sum(dim=1)
        before = w.detach().clone()
        stale = torch.full((size,), 7.0) if old else torch.zeros(size)
        w.grad = stale.clone() if old else None
        what = f"for {count} batches in groups of {group}, the result"

        result = answer(w, list(batches), group)
        expect(torch.equal(w.detach(), before), "the numbers in w changed: no step is asked for")
        expect_type(result, Tensor, what)
        expect(
            result.shape == expected.shape,
            f"{what} has shape {tuple(result.shape)}, expected {tuple(expected.shape)}: "
            "one row a group",
        )
        never_zeroed = expected.cumsum(dim=0)
        aliased = "w.grad is one tensor that backward() writes into, so keep a clone() of it"
        mistakes = [
            (torch.zeros_like(expected), f"is all zeros: {aliased}"),
            (expected[-1:].expand_as(expected), f"has the last group in all rows: {aliased}"),
            (never_zeroed[-1:].expand_as(expected), f"has the same sum in all rows: {aliased}"),
            (never_zeroed[-1:].expand_as(expected) + stale, f"has the same in all rows: {aliased}"),
            (never_zeroed, "still holds the groups before: zero w.grad between groups"),
            (never_zeroed + stale, "is never zeroed: each row still holds what was there before"),
            (each[group - 1 :: group], "has the last batch of each group only: zeroed too often"),
            (each[::group], "has the first batch of each group only"),
            (expected / group, "has the mean of each group: the sum is asked for"),
            (
                torch.cat([expected[:1] + stale, expected[1:]]),
                "holds the old gradient in its first row: zero w.grad before the first group too",
            ),
        ]
        _name_the_mistake(result, expected, [(wrong, f"{what} {hint}") for wrong, hint in mistakes])
        expect_close(result, expected, what)


def step_and_measure(w: Tensor, x: Tensor, y: Tensor, rate: float) -> tuple[Tensor, dict[str, str]]:
    w.grad = None
    ((x @ w - y) ** 2).mean().backward()
    with torch.no_grad():
        w -= rate * w.grad
        measurement = ((x @ w - y) ** 2).mean()
    return measurement, {
        "training loss": "wrong",  # nothing would be followed, so backward() finds no graph
        "update": "needed",  # a leaf that requires gradients refuses to be written into
        "measurement": "saves work",  # nobody goes back from it
    }


EXPLANATIONS = {
    "training loss": ("wrong", "try it: what does backward() say then?"),
    "update": ("needed", "try it without: what does w -= ... say then?"),
    "measurement": ("saves work", "do its numbers change, and does anyone go back from it?"),
}


def check_step_and_measure(answer) -> None:
    for rows, size, rate, old in ((8, 3, 0.05, False), (6, 2, 0.1, True)):
        w, x, y = torch.randn(size, requires_grad=True), torch.randn(rows, size), torch.randn(rows)
        y += 3  # far from what any w predicts, so that a step changes the loss
        before = w.detach().clone()
        gradient = 2 * (x * (x @ before - y)[:, None]).mean(dim=0)
        after = before - rate * gradient
        stale = torch.full((size,), 5.0) if old else torch.zeros(size)
        w.grad = stale.clone() if old else None
        measurement, explanation = expect_parts(
            answer(w, x, y, rate), "the measurement", "the dictionary"
        )

        expect(
            w.requires_grad and w.is_leaf,
            "w is no longer a leaf that requires gradients: change it in place, under no_grad",
        )
        now = w.detach()
        expect(
            not torch.equal(now, before),
            "w itself did not change: w = w - ... makes a new tensor, w -= ... writes into w",
        )
        mistakes = [
            (before + rate * gradient, "w went uphill: subtract rate * gradient"),
            (before - gradient, "w went the whole gradient: multiply it by rate"),
            (after - rate * stale, "w.grad still held an old gradient, and backward() added to it"),
            (before - 2 * rate * gradient, "w went twice as far: two steps, or backward() twice?"),
            (
                before - rate * rows * gradient,
                "w went too far: is the loss the mean, not the sum?",
            ),
        ]
        _name_the_mistake(now, after, mistakes)
        expect_close(now, after, "w after the step")

        expect_type(measurement, Tensor, "the measurement")
        expect(
            not measurement.requires_grad,
            "the measurement requires gradients: it keeps a graph that nobody needs",
        )
        losses = [((x @ weights - y) ** 2).mean() for weights in (before, after)]
        _name_the_mistake(
            measurement, losses[1], [(losses[0], "that is the loss before the step: measure again")]
        )
        expect_close(measurement, losses[1], "the measurement")

        expect_type(explanation, dict, "the explanation")
        expect(
            set(explanation) == set(EXPLANATIONS),
            f"the keys of the dictionary are {', '.join(EXPLANATIONS)}",
        )
        for key, (right, hint) in EXPLANATIONS.items():
            expect(
                explanation[key] == right,
                f"{key}: torch.no_grad() around it is not {explanation[key]!r}; {hint}",
            )


def _same(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> bool:
    """Whether two tensors have one shape and, within the tolerance, the same numbers."""
    return actual.shape == expected.shape and torch.allclose(
        actual.detach().float(), expected, rtol=tolerance, atol=tolerance / 10
    )


def _name_the_mistake(actual: Tensor, expected: Tensor, mistakes: list[tuple[Tensor, str]]) -> None:
    """Turn away what holds the numbers of a known mistake and not the expected ones."""
    for mistake, hint in mistakes:
        expect(_same(actual, expected) or not _same(actual, mistake), hint)
