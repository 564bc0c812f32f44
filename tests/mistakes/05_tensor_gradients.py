"""Answers to the problems of lesson 05: wrong ones with a piece of their hint, and right ones."""

import torch


def value_of_f(f, values):
    return f(*[torch.tensor(value) for value in values])


def not_followed(f, values):
    variables = [torch.tensor(value) for value in values]
    f(*variables).backward()
    return torch.stack([variable.grad for variable in variables])


def only_the_first_variable(f, values):
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    f(*variables).backward()
    return variables[0].grad


def a_list_of_derivatives(f, values):
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    f(*variables).backward()
    return [variable.grad.item() for variable in variables]


def small_steps_in_float32(f, values):
    point, step = torch.tensor(values), 0.001
    return torch.stack(
        [
            (f(*(point + step * direction)) - f(*(point - step * direction))) / (2 * step)
            for direction in torch.eye(len(values))
        ]
    )


def backward_twice(f, values):
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    for _ in range(2):
        f(*variables).backward()
    return torch.stack([variable.grad for variable in variables])


def list_handed_to_f(f, values):
    variables = torch.tensor(values, requires_grad=True)
    f(variables).backward()
    return variables.grad


def the_point(f, values):
    variables = torch.tensor(values, requires_grad=True)
    f(*variables).backward()
    return variables


def loss_of(w, batch):
    return ((batch @ w) ** 2).mean()


def never_zeroed(w, batches, group):
    rows = []
    for number, batch in enumerate(batches, start=1):
        loss_of(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad.clone())
    return torch.stack(rows)


def zeroed_for_every_batch(w, batches, group):
    rows = []
    for number, batch in enumerate(batches, start=1):
        w.grad = None
        loss_of(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad.clone())
    return torch.stack(rows)


def not_zeroed_before_the_first(w, batches, group):
    rows = []
    for number, batch in enumerate(batches, start=1):
        loss_of(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad.clone())
            w.grad.zero_()
    return torch.stack(rows)


def not_cloned(w, batches, group):
    w.grad = torch.zeros_like(w)
    rows = []
    for number, batch in enumerate(batches, start=1):
        loss_of(w, batch).backward()
        if number % group == 0:
            rows.append(w.grad)
            w.grad.zero_()
    return torch.stack(rows)


def not_cloned_zeroed_before(w, batches, group):
    w.grad = torch.zeros_like(w)
    rows = []
    for first in range(0, len(batches), group):
        w.grad.zero_()
        for batch in batches[first : first + group]:
            loss_of(w, batch).backward()
        rows.append(w.grad)
    return torch.stack(rows)


def mean_of_the_group(w, batches, group):
    w.grad = None
    rows = []
    for first in range(0, len(batches), group):
        for batch in batches[first : first + group]:
            (loss_of(w, batch) / group).backward()
        rows.append(w.grad)
        w.grad = None
    return torch.stack(rows)


def one_row_a_batch(w, batches, group):
    rows = []
    for batch in batches:
        w.grad = None
        loss_of(w, batch).backward()
        rows.append(w.grad)
    return torch.stack(rows)


def zeroed_where_there_is_none(w, batches, group):
    w.grad.zero_()
    return never_zeroed(w, batches, group)


def steps_taken(w, batches, group):
    rows = []
    for first in range(0, len(batches), group):
        w.grad = None
        for batch in batches[first : first + group]:
            loss_of(w, batch).backward()
        rows.append(w.grad.clone())
        with torch.no_grad():
            w -= 0.1 * w.grad
    return torch.stack(rows)


RIGHT = {"training loss": "wrong", "update": "needed", "measurement": "saves work"}


def a_step(w, x, y, rate):
    w.grad = None
    ((x @ w - y) ** 2).mean().backward()
    with torch.no_grad():
        w -= rate * w.grad


def measured(w, x, y):
    with torch.no_grad():
        return ((x @ w - y) ** 2).mean()


def a_new_w(w, x, y, rate):
    w.grad = None
    ((x @ w - y) ** 2).mean().backward()
    with torch.no_grad():
        w = w - rate * w.grad
    return measured(w, x, y), RIGHT


def no_grad_around_everything(w, x, y, rate):
    with torch.no_grad():
        ((x @ w - y) ** 2).mean().backward()
        w -= rate * w.grad
    return measured(w, x, y), RIGHT


def no_grad_nowhere(w, x, y, rate):
    w.grad = None
    ((x @ w - y) ** 2).mean().backward()
    w -= rate * w.grad
    return ((x @ w - y) ** 2).mean(), RIGHT


def uphill(w, x, y, rate):
    a_step(w, x, y, -rate)
    return measured(w, x, y), RIGHT


def rate_forgotten(w, x, y, rate):
    a_step(w, x, y, 1)
    return measured(w, x, y), RIGHT


def old_gradient_kept(w, x, y, rate):
    ((x @ w - y) ** 2).mean().backward()
    with torch.no_grad():
        w -= rate * w.grad
    return measured(w, x, y), RIGHT


def sum_for_mean(w, x, y, rate):
    w.grad = None
    ((x @ w - y) ** 2).sum().backward()
    with torch.no_grad():
        w -= rate * w.grad
    return measured(w, x, y), RIGHT


def gradients_switched_off(w, x, y, rate):
    w.grad = None
    ((x @ w - y) ** 2).mean().backward()
    w.requires_grad_(False)
    w -= rate * w.grad
    return measured(w, x, y), RIGHT


def measured_before_the_step(w, x, y, rate):
    before = measured(w, x, y)
    a_step(w, x, y, rate)
    return before, RIGHT


def measured_with_a_graph(w, x, y, rate):
    a_step(w, x, y, rate)
    return ((x @ w - y) ** 2).mean(), RIGHT


def a_python_number(w, x, y, rate):
    a_step(w, x, y, rate)
    return measured(w, x, y).item(), RIGHT


def two_explanations_swapped(w, x, y, rate):
    a_step(w, x, y, rate)
    explanation = {"training loss": "wrong", "update": "saves work", "measurement": "needed"}
    return measured(w, x, y), explanation


def training_under_no_grad(w, x, y, rate):
    a_step(w, x, y, rate)
    explanation = {"training loss": "saves work", "update": "needed", "measurement": "wrong"}
    return measured(w, x, y), explanation


def explanation_forgotten(w, x, y, rate):
    a_step(w, x, y, rate)
    return measured(w, x, y)


def with_autograd_grad(f, values):
    variables = [torch.tensor(value, requires_grad=True) for value in values]
    return torch.stack(torch.autograd.grad(f(*variables), variables))


def one_tensor_for_all(f, values):
    point = torch.tensor(values, requires_grad=True)
    f(*point).backward()
    return point.grad


def with_func_grad(f, values):
    point = torch.tensor(values)
    return torch.func.grad(lambda variables: f(*variables.unbind()))(point)


def one_variable_at_a_time(f, values):
    gradient = torch.zeros(len(values))
    for place in range(len(values)):
        variables = [torch.tensor(value) for value in values]
        variables[place].requires_grad_()
        f(*variables).backward()
        gradient[place] = variables[place].grad
    return gradient


def losses_of_a_group_summed(w, batches, group):
    rows = []
    while len(rows) < len(batches) // group:
        first = len(rows) * group
        loss = sum(loss_of(w, batch) for batch in batches[first : first + group])
        rows.append(torch.autograd.grad(loss, w)[0])
    return torch.stack(rows)


def differences_of_a_running_sum(w, batches, group):
    w.grad = torch.zeros_like(w)
    sums = [w.grad.clone()]
    for number, batch in enumerate(batches, start=1):
        loss_of(w, batch).backward()
        if number % group == 0:
            sums.append(w.grad.clone())
    return torch.stack(sums).diff(dim=0)


def with_an_optimizer(w, batches, group):
    optimizer = torch.optim.SGD([w], lr=0.0)
    rows = torch.zeros(len(batches) // group, len(w))
    for number, batch in enumerate(batches):
        if number % group == 0:
            optimizer.zero_grad()
        loss_of(w, batch).backward()
        rows[number // group] = w.grad
    return rows


def step_of_an_optimizer(w, x, y, rate):
    optimizer = torch.optim.SGD([w], lr=rate)
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(x @ w, y).backward()
    optimizer.step()
    return torch.nn.functional.mse_loss(x @ w, y).detach(), dict(RIGHT)


def copied_into_w(w, x, y, rate):
    (gradient,) = torch.autograd.grad((x @ w - y).square().mean(), w)
    with torch.no_grad():
        w.copy_(w - rate * gradient)
        measurement = (x @ w - y).pow(2).sum() / len(y)
    return [measurement, dict(measurement="saves work", update="needed") | RIGHT]


def through_detached_w(w, x, y, rate):
    if w.grad is not None:
        w.grad.zero_()
    ((y - x @ w) ** 2).mean().backward()
    w.detach().sub_(w.grad, alpha=rate)
    with torch.inference_mode():
        return ((x @ w - y) ** 2).mean(), RIGHT


MISTAKES = {
    "gradient_at": [
        (value_of_f, "it returns f's value"),
        (not_followed, "does not require grad"),
        (only_the_first_variable, "has shape (), expected (2,)"),
        (a_list_of_derivatives, "is a list, expected a Tensor"),
        (small_steps_in_float32, "as small steps are"),
        (backward_twice, "twice too large"),
        (list_handed_to_f, "missing 1 required positional argument"),
        (the_point, "it returns the point"),
    ],
    "grouped_gradients": [
        (never_zeroed, "zero w.grad between groups"),
        (zeroed_for_every_batch, "zeroed too often"),
        (not_zeroed_before_the_first, "before the first group too"),
        (not_cloned, "is all zeros: w.grad is one tensor"),
        (not_cloned_zeroed_before, "has the last group in all rows"),
        (mean_of_the_group, "the sum is asked for"),
        (one_row_a_batch, "has shape (6, 3), expected (3, 3)"),
        (zeroed_where_there_is_none, "has no attribute 'zero_'"),
        (steps_taken, "the numbers in w changed"),
    ],
    "step_and_measure": [
        (a_new_w, "w itself did not change"),
        (no_grad_around_everything, "does not require grad"),
        (no_grad_nowhere, "in-place operation"),
        (uphill, "w went uphill"),
        (rate_forgotten, "multiply it by rate"),
        (old_gradient_kept, "an old gradient"),
        (sum_for_mean, "the mean, not the sum"),
        (gradients_switched_off, "no longer a leaf that requires gradients"),
        (measured_before_the_step, "the loss before the step"),
        (measured_with_a_graph, "the measurement requires gradients"),
        (a_python_number, "the measurement is a float"),
        (two_explanations_swapped, "update: torch.no_grad() around it is not 'saves work'"),
        (training_under_no_grad, "what does backward() say then?"),
        (explanation_forgotten, "return 2 things"),
    ],
}

ALSO_RIGHT = {
    "gradient_at": [with_autograd_grad, one_tensor_for_all, with_func_grad, one_variable_at_a_time],
    "grouped_gradients": [
        losses_of_a_group_summed,
        differences_of_a_running_sum,
        with_an_optimizer,
    ],
    "step_and_measure": [step_of_an_optimizer, copied_into_w, through_detached_w],
}
