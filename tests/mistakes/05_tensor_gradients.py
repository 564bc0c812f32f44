"""Answers to the problems of lesson 05: wrong ones with a piece of their hint, and right ones."""

import torch

# gradient_at: wrong


def not_recorded(f, values):
    variables = [torch.tensor(value) for value in values]
    f(*variables).backward()
    return torch.stack([variable.grad for variable in variables])


def one_backward_per_variable_never_cleared(f, values):
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    partial_derivatives = []
    for variable in variables:
        f(*variables).backward()
        partial_derivatives.append(variable.grad.clone())
    return torch.stack(partial_derivatives)


def nudged_to_both_sides_in_float64(f, values):
    point, nudge = torch.tensor(values, dtype=torch.float64), 1e-4
    slopes = [
        (f(*(point + nudge * axis)) - f(*(point - nudge * axis))) / (2 * nudge)
        for axis in torch.eye(len(values), dtype=torch.float64)
    ]
    return torch.stack(slopes).float()


# gradient_at: right


def one_tensor_unbound(f, values):
    point = torch.tensor(values, requires_grad=True)
    f(*point).backward()
    return point.grad


def with_func_grad(f, values):
    point = torch.tensor(values)
    return torch.func.grad(lambda variables: f(*variables.unbind()))(point)


# grouped_gradients: wrong


def loss_of_batch(w, batch):
    return ((batch @ w) ** 2).mean()


def never_cleared(w, batches, group):
    rows = []
    for number, batch in enumerate(batches, start=1):
        loss_of_batch(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad.clone())
    return torch.stack(rows)


def cleared_after_each_group_only(w, batches, group):
    rows = []
    for number, batch in enumerate(batches, start=1):
        loss_of_batch(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad.clone())
            w.grad.zero_()
    return torch.stack(rows)


def not_cloned(w, batches, group):
    w.grad = torch.zeros_like(w)
    rows = []
    for first in range(0, len(batches), group):
        w.grad.zero_()
        for batch in batches[first : first + group]:
            loss_of_batch(w, batch).backward()
        rows.append(w.grad)
    return torch.stack(rows)


def by_formula_on_a_w_switched_off(w, batches, group):
    w.requires_grad_(False)
    each = [2 / len(batch) * batch.T @ (batch @ w) for batch in batches]
    return torch.stack(each).view(-1, group, len(w)).sum(dim=1)


# grouped_gradients: right


def losses_of_a_group_summed(w, batches, group):
    rows = []
    while len(rows) < len(batches) // group:
        first = len(rows) * group
        loss = sum(loss_of_batch(w, batch) for batch in batches[first : first + group])
        rows.append(torch.autograd.grad(loss, w)[0])
    return torch.stack(rows)


def cleared_by_an_optimizer(w, batches, group):
    optimizer = torch.optim.SGD([w], lr=0.0)
    rows = torch.zeros(len(batches) // group, len(w))
    for number, batch in enumerate(batches):
        if number % group == 0:
            optimizer.zero_grad()
        loss_of_batch(w, batch).backward()
        rows[number // group] = w.grad
    return rows


# train_and_measure: wrong


def refusal_of(w):
    try:
        w -= 1
    except RuntimeError as error:
        return str(error)


def a_new_w(w, loss_of, batches, held_out, rate):
    refusal, measurements = refusal_of(w), []
    for batch in batches:
        w.grad = None
        loss_of(w, batch).backward()
        with torch.no_grad():
            w = w - rate * w.grad
            measurements.append(loss_of(w, held_out))
    return refusal, torch.stack(measurements)


def cleared_after_the_step_only(w, loss_of, batches, held_out, rate):
    refusal, measurements = refusal_of(w), []
    for batch in batches:
        loss_of(w, batch).backward()
        with torch.no_grad():
            w -= rate * w.grad
            measurements.append(loss_of(w, held_out))
        w.grad = None
    return refusal, torch.stack(measurements)


def recorded_and_detached(w, loss_of, batches, held_out, rate):
    refusal, measurements = refusal_of(w), []
    for batch in batches:
        w.grad = None
        loss_of(w, batch).backward()
        with torch.no_grad():
            w -= rate * w.grad
        measurements.append(loss_of(w, held_out).detach())
    return refusal, torch.stack(measurements)


# train_and_measure: right


def with_an_optimizer(w, loss_of, batches, held_out, rate):
    optimizer = torch.optim.SGD([w], lr=rate)
    measurements = torch.empty(len(batches))
    for number, batch in enumerate(batches):
        optimizer.zero_grad()
        loss_of(w, batch).backward()
        optimizer.step()
        with torch.inference_mode():
            measurements[number] = loss_of(w, held_out)
    return refusal_of(w), measurements


def copied_into_w(w, loss_of, batches, held_out, rate):
    try:
        w[:] = w * 0.9
    except RuntimeError as error:
        refusal = f"RuntimeError: {error}"
    measurements = []
    for batch in batches:
        (gradient,) = torch.autograd.grad(loss_of(w, batch), w)
        with torch.no_grad():
            w.copy_(w - rate * gradient)
        measurements.append(loss_of(w.detach(), held_out).item())
    return [refusal, torch.tensor(measurements)]


MISTAKES = {
    "gradient_at": [
        (not_recorded, "does not require grad"),
        (one_backward_per_variable_never_cleared, "gradients add up"),
        (nudged_to_both_sides_in_float64, "let autograd do it"),
    ],
    "grouped_gradients": [
        (never_cleared, "clear w.grad between groups"),
        (cleared_after_each_group_only, "before group 0, too"),
        (not_cloned, "holds the last group in every row"),
        (by_formula_on_a_w_switched_off, "no longer requires a gradient"),
    ],
    "train_and_measure": [
        (a_new_w, "w itself didn't change"),
        (cleared_after_the_step_only, "before the first backward(), too"),
        (recorded_and_detached, "the loss on held_out was recorded"),
    ],
}

ALSO_RIGHT = {
    "gradient_at": [one_tensor_unbound, with_func_grad],
    "grouped_gradients": [losses_of_a_group_summed, cleared_by_an_optimizer],
    "train_and_measure": [with_an_optimizer, copied_into_w],
}
