"""Lesson 05: one worked answer to each practice problem."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_at(f: Callable[..., Tensor], values: list[float]) -> Tensor:
    # Each variable needs a .grad of its own, so each becomes a tensor of its own. They have to
    # require gradients before f is called, because that is when PyTorch records.
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    f(*variables).backward()
    return torch.stack([variable.grad for variable in variables])


def grouped_gradients(w: Tensor, batches: list[Tensor], group: int) -> Tensor:
    sums = []
    for first in range(0, len(batches), group):
        # Clear before each group, not after it: then an old gradient is gone before the first one.
        w.grad = None
        for batch in batches[first : first + group]:
            ((batch @ w) ** 2).mean().backward()  # adds to w.grad
        # No clone() needed: after w.grad = None, backward() makes a new tensor. After
        # w.grad.zero_() it would write into this one, and all rows would end up the same.
        sums.append(w.grad)
    return torch.stack(sums)


def train_and_measure(
    w: Tensor,
    loss_of: Callable[[Tensor, Tensor], Tensor],
    batches: list[Tensor],
    held_out: Tensor,
    rate: float,
) -> tuple[str, Tensor]:
    # PyTorch refuses before it writes, so w is still what it was.
    try:
        w -= rate
    except RuntimeError as error:
        refusal = str(error)

    measurements = []
    for batch in batches:
        w.grad = None
        loss_of(w, batch).backward()  # the one place that needs the record
        with torch.no_grad():
            w -= rate * w.grad  # needs no_grad(): PyTorch has just refused the same without it
            measurements.append(loss_of(w, held_out))  # works without, but would keep a graph
    return refusal, torch.stack(measurements)
