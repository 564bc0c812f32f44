"""Lesson 05: the checks that mark your practice answers."""

from collections.abc import Callable

from pytorch_refresher._common.marking import (
    expect,
    expect_close,
    expect_parts,
    expect_type,
    reject,
)

import torch
from torch import Tensor

from .solutions import gradient_at

FUNCTIONS = (
    (2, lambda x, y: x**2 * y + y**3),
    (3, lambda x, y, z: x * y * z + x**2 + y + z),
    (1, lambda x: 5 * x.sin()),
    (4, lambda a, b, c, d: (a * b + c).square() - 3 * d * a),
)


class _InFloat32:
    """A function that remembers whether autograd was asked to record it.

    It computes in float32 whatever it is given, and adds a constant that changes no derivative.
    Nudging drowns in the rounding of that sum, so only autograd finds the gradient.
    """

    def __init__(self, f: Callable[..., Tensor]) -> None:
        self.f, self.recorded = f, False

    def __call__(self, *variables: Tensor) -> Tensor:
        for each in variables:
            expect_type(each, Tensor, "what f is given, one argument for each variable,")
        self.recorded |= any(variable.requires_grad for variable in variables)
        return self.f(*(variable.float() for variable in variables)) + 5000


def check_gradient_at(answer) -> None:
    for count, formula in FUNCTIONS:
        # Of both signs, and none of them near 0.
        values = ((torch.rand(count) + 0.5) * (-1) ** torch.arange(count)).tolist()
        f, given = _InFloat32(formula), list(values)
        expected = gradient_at(formula, values)
        result = answer(f, given)

        what = f"the gradient of a function of {count} variables"
        expect(given == values, "the list of values changed: leave it as it is")
        expect_type(result, Tensor, what)
        value = f(*map(torch.tensor, values))
        reject(result, expected, {"it returns f's value: the gradient is in .grad": value})
        shapes = f"has shape {tuple(result.shape)}, expected {(count,)}"
        expect(result.shape == (count,), f"{what} {shapes}: one partial derivative per variable")
        known = {
            "it returns the point: the gradient is in .grad": torch.tensor(values),
            "each derivative is twice too large: was backward() called twice?": 2 * expected,
            "gradients add up: clear every .grad before the next backward()": expected
            * torch.arange(1, count + 1),
            "the partial derivatives are in the wrong order": expected.flip(0),
        }
        reject(result, expected, known)
        right = torch.allclose(result.detach().float(), expected, rtol=1e-4, atol=1e-5)
        expect(
            right or f.recorded,
            "f never saw a tensor that requires a gradient. Nudging is not exact enough here, "
            "because small changes drown in rounding: let autograd do it",
        )
        expect_close(result, expected, what)


def check_grouped_gradients(answer) -> None:
    # How many batches, in groups of how many, how many weights, and what w.grad still holds.
    for count, group, size, old in ((6, 2, 3, 0), (6, 3, 4, 7), (4, 1, 2, 0), (4, 4, 3, -2)):
        w = torch.randn(size, requires_grad=True)
        w.grad = torch.full((size,), float(old)) if old else None
        batches = [torch.randn(rows, size) + 1 for rows in torch.randint(2, 6, (count,)).tolist()]
        before, given = w.detach().clone(), [batch.clone() for batch in batches]
        each = torch.stack([2 * batch.T @ (batch @ before) / len(batch) for batch in batches])
        expected = each.view(-1, group, size).sum(dim=1)
        result = answer(w, given, group)

        what = f"for {count} batches in groups of {group}, the result"
        expect(torch.equal(w.detach(), before), "w changed: no step is asked for")
        expect(w.requires_grad, "w no longer requires a gradient: leave it as it was")
        expect(all(map(torch.equal, given, batches)), "the batches changed: only read them")
        expect_type(result, Tensor, what)
        shapes = f"has shape {tuple(result.shape)}, expected {tuple(expected.shape)}"
        expect(result.shape == expected.shape, f"{what} {shapes}: one row per group")
        total, old_in_row_0 = expected.cumsum(dim=0), expected.clone()
        old_in_row_0[0] += old
        alike = "in every row: w.grad is one tensor, so keep a clone() of it"
        known = {
            f"holds zeros {alike}": torch.zeros_like(expected),
            f"holds the last group {alike}": expected[-1:].expand_as(expected),
            f"holds the sum of all groups {alike}": (total[-1:] + old).expand_as(expected),
            "still holds the groups before: clear w.grad between groups": total + old,
            "holds the old gradient in row 0: clear w.grad before group 0, too": old_in_row_0,
            "holds only the last batch of each group: cleared too often": each[group - 1 :: group],
            "holds the mean of each group: the sum is asked for": expected / group,
        }
        reject(result, expected, {f"{what} {hint}": wrong for hint, wrong in known.items()})
        expect_close(result, expected, what)


class _Watched:
    """A loss that remembers whether autograd recorded it for one batch, the held-out one."""

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], held_out: Tensor) -> None:
        self.loss, self.held_out, self.recorded = loss, held_out, False

    def __call__(self, w: Tensor, batch: Tensor) -> Tensor:
        loss = self.loss(w, batch)
        if torch.equal(batch, self.held_out):
            self.recorded |= loss.requires_grad
        return loss


def _squares(w: Tensor, batch: Tensor) -> Tensor:
    return (batch @ w - 1).square().mean()


def _hinge(w: Tensor, batch: Tensor) -> Tensor:
    return (3 - batch @ w).relu().mean() + w.square().sum()


def check_train_and_measure(answer) -> None:
    # The loss, how many batches, and what w.grad still holds. With one batch, hints are clearest.
    for loss, count, old in ((_squares, 1, 0), (_squares, 4, 3), (_hinge, 3, 0)):
        w, held_out, rate = torch.randn(3, requires_grad=True), torch.randn(8, 3), 0.05
        w.grad = torch.full((3,), float(old)) if old else None
        start, batches = w.detach().clone(), [torch.randn(5, 3) for _ in range(count)]
        watched = _Watched(loss, held_out)
        result = answer(w, watched, list(batches), held_out, rate)
        text, measured = expect_parts(result, "the text of the error", "the measurements")

        places = _walk(loss, start, batches, rate)
        known = {
            "w itself didn't change: `w = w - ...` makes a new tensor, `w -= ...` inside no_grad() "
            "changes w": start,
            "w went uphill: subtract rate * gradient": _walk(loss, start, batches, -rate)[-1],
            "w took the whole gradient: multiply by rate": _walk(loss, start, batches, 1.0)[-1],
            "w took each step twice": _walk(loss, start, batches, 2 * rate)[-1],
            "gradients of earlier steps got into w: clear w.grad before each backward()": _walk(
                loss, start, batches, rate, old, clear=False
            )[-1],
            "the old gradient got into w: clear w.grad before the first backward(), too": _walk(
                loss, start, batches, rate, old
            )[-1],
        }
        reject(w, places[-1], known)
        expect_close(w, places[-1], "w after the last step")
        is_leaf = w.requires_grad and w.is_leaf
        expect(is_leaf, "w is no longer a leaf that requires gradients: change it in place")
        expect(
            not watched.recorded,
            "the loss on held_out was recorded, for a backward() that never comes: compute it "
            "inside no_grad(), too",
        )
        _expect_measurements(measured, loss, [start, *places], held_out)
        _expect_refusal(text)


def _walk(loss, start: Tensor, batches: list[Tensor], rate: float, old=0, clear=True) -> Tensor:
    """The places that gradient descent reaches, one per batch, (len(batches), D)."""
    places, place, gradient = [], start, torch.full_like(start, old)
    for batch in batches:
        w = place.clone().requires_grad_()
        gradient = gradient + torch.autograd.grad(loss(w, batch), w)[0]
        place = place - rate * gradient
        places.append(place)
        if clear:
            gradient = torch.zeros_like(start)
    return torch.stack(places)


def _expect_measurements(measured: object, loss, places: list[Tensor], held_out: Tensor) -> None:
    expect_type(measured, Tensor, "the second part, the measurements,")
    losses = torch.stack([loss(place, held_out) for place in places])
    reject(measured, losses[1:], {"measure after the step, not before it": losses[:-1]})
    expect_close(measured, losses[1:], "the second part, the measurements,")
    expect(not measured.requires_grad, "the measurements require gradients")


def _expect_refusal(text: object) -> None:
    expect_type(text, str, "the text of the error")
    leaf, refusals = torch.ones(2, requires_grad=True), []
    for whole_or_part in (leaf, leaf[:1]):
        try:
            whole_or_part -= 1
        except RuntimeError as error:
            refusals.append(str(error))
    expect(
        any(refusal in text for refusal in refusals),
        "the text is not what PyTorch says to `w -= ...` without no_grad(): catch that error and "
        "return str(error)",
    )
