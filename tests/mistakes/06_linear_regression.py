"""Answers to the problems of lesson 06: wrong ones with a piece of their hint, and right ones."""

import copy
import math

import torch
from matplotlib.figure import Figure
from torch import nn

# train_and_predict: wrong


def standardized(heights, values):
    return (values - heights.mean()) / heights.std()


def flat_targets(model, heights, weights, unseen, rate, epochs):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = ((model(standardized(heights, heights)) - weights) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        return losses, model(standardized(heights, unseen))


def cleared_last_only(model, heights, weights, unseen, rate, epochs):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=rate), []
    for _ in range(epochs):
        loss = nn.MSELoss()(model(standardized(heights, heights)), weights[:, None])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    with torch.no_grad():
        return losses, model(standardized(heights, unseen))


def exact_without_training(model, heights, weights, unseen, rate, epochs):
    columns = torch.cat([standardized(heights, heights), torch.ones_like(heights)], dim=1)
    solution = torch.linalg.lstsq(columns, weights[:, None]).solution
    loss = (columns @ solution - weights[:, None]).square().mean().item()
    return [loss] * epochs, standardized(heights, unseen) * solution[0] + solution[1]


def in_float64(model, heights, weights, unseen, rate, epochs):
    losses, _ = by_hand(model, heights, weights, unseen, rate, epochs)
    with torch.no_grad():
        return losses, model.double()(standardized(heights, unseen).double())


# train_and_predict: right


def by_hand(model, heights, weights, unseen, rate, epochs):
    inputs, losses = standardized(heights, heights), []
    for _ in range(epochs):
        model.zero_grad()
        loss = nn.functional.mse_loss(model(inputs).squeeze(1), weights)
        loss.backward()
        losses += [loss.detach().numpy()[()]]
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= rate * parameter.grad
    return losses, model(standardized(heights, unseen)).detach()


def with_a_closure(model, heights, weights, unseen, rate, epochs):
    mean, std = heights.mean(), heights.std()
    heights, unseen = (heights - mean) / std, (unseen - mean) / std
    optimizer = torch.optim.SGD(model.parameters(), rate)

    def closure():
        optimizer.zero_grad()
        loss = nn.MSELoss()(model(heights), weights.view(-1, 1))
        loss.backward()
        return loss

    losses = [optimizer.step(closure).item() for _ in range(epochs)]
    with torch.inference_mode():
        return losses, model(unseen)


# compare_optimizers: wrong


def steps_of(make, model, inputs, targets, rate, goal, limit, clear=True):
    optimizer = make(model.parameters(), lr=rate)
    for steps in range(limit + 1):
        loss = (model(inputs) - targets).square().mean()
        if loss.item() <= goal:
            return steps
        if clear:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return math.inf


def best_of(model, rates, run):
    result = {}
    for make in (torch.optim.SGD, torch.optim.Adam):
        steps, rate = min(((run(make, rate), rate) for rate in rates), key=lambda pair: pair[0])
        result[make.__name__] = (rate, steps)
    return result


def nan_counts_as_there(model, inputs, targets, rates, goal, limit):
    def run(make, rate):
        trained, steps = copy.deepcopy(model), 0
        optimizer = make(trained.parameters(), lr=rate)
        loss = nn.MSELoss()(trained(inputs), targets)
        while loss.item() > goal and steps < limit:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            steps += 1
            loss = nn.MSELoss()(trained(inputs), targets)
        return steps

    return best_of(model, rates, run)


def one_copy_for_all_rates(model, inputs, targets, rates, goal, limit):
    trained = copy.deepcopy(model)
    return best_of(
        model, rates, lambda make, r: steps_of(make, trained, inputs, targets, r, goal, limit)
    )


def best_rate_of_sgd_for_both(model, inputs, targets, rates, goal, limit):
    best = with_min(model, inputs, targets, rates, goal, limit)
    rate, trained = best["SGD"][0], copy.deepcopy(model)
    steps = steps_of(torch.optim.Adam, trained, inputs, targets, rate, goal, limit)
    return best | {"Adam": (rate, steps)}


# compare_optimizers: right


def with_min(model, inputs, targets, rates, goal, limit):
    return best_of(
        model,
        rates,
        lambda make, rate: steps_of(make, copy.deepcopy(model), inputs, targets, rate, goal, limit),
    )


def from_whole_curves(model, inputs, targets, rates, goal, limit):
    fastest = {"Adam": None, "SGD": None}
    for name in fastest:
        for rate in rates:
            trained, losses = copy.deepcopy(model), []
            optimizer = getattr(torch.optim, name)(trained.parameters(), lr=rate)
            for _ in range(limit + 1):
                loss = nn.functional.mse_loss(trained(inputs), targets)
                losses.append(loss.item())
                trained.zero_grad()
                loss.backward()
                optimizer.step()
            there = [step for step, loss in enumerate(losses) if loss <= goal]
            if there and (fastest[name] is None or there[0] < fastest[name][1]):
                fastest[name] = [rate, there[0]]
    return fastest


# plot_losses: wrong


def flat_from(losses, tolerance):
    last = losses[-1]
    return max((i + 1 for i, x in enumerate(losses) if abs(x - last) > tolerance * last), default=0)


def draw(losses, epoch, first=0):
    figure = Figure()
    axes = figure.subplots()
    axes.plot(range(first, first + len(losses)), losses)
    axes.axvline(epoch)
    axes.set(xlabel="epoch", ylabel="loss")
    return figure


def first_loss_near_the_last(losses, tolerance):
    near = [abs(loss - losses[-1]) <= tolerance * losses[-1] for loss in losses]
    return draw(losses, near.index(True)), near.index(True)


def sorted_losses(losses, tolerance):
    epoch = flat_from(losses, tolerance)
    return draw(sorted(losses, reverse=True), epoch), epoch


def epochs_from_one(losses, tolerance):
    epoch = flat_from(losses, tolerance)
    return draw(losses, epoch, first=1), epoch


# plot_losses: right


def without_pyplot(losses, tolerance):
    epoch = flat_from(losses, tolerance)
    return draw(losses, epoch), epoch


def the_axes_and_a_tensor(losses, tolerance):
    import matplotlib.pyplot as plt

    values = torch.tensor(losses)
    far = (values - values[-1]).abs() > tolerance * values[-1]
    epoch = int(far.nonzero().max()) + 1 if far.any() else 0
    _, axes = plt.subplots()
    axes.semilogy(values.numpy(), "o-")
    axes.plot([epoch, epoch], [values.min().item(), values.max().item()], ":")
    plt.xlabel("Epoch")
    plt.ylabel("MSE")
    return axes, torch.tensor(epoch).numpy()[()]


MISTAKES = {
    "train_and_predict": [
        (flat_targets, "make the targets (N, 1)"),
        (cleared_last_only, "an old gradient got into the first step"),
        (exact_without_training, "the mean squared error of the model you got is"),
        (in_float64, "is torch.float64, expected torch.float32"),
    ],
    "compare_optimizers": [
        (nan_counts_as_there, "or NaN?"),
        (one_copy_for_all_rates, "a fresh copy of `model`"),
        (best_rate_of_sgd_for_both, "try every rate with both optimizers"),
    ],
    "plot_losses": [
        (first_loss_near_the_last, "the curve leaves again"),
        (sorted_losses, "no line shows the losses as they are"),
        (epochs_from_one, "losses[0] belongs to epoch 0"),
    ],
}

ALSO_RIGHT = {
    "train_and_predict": [by_hand, with_a_closure],
    "compare_optimizers": [with_min, from_whole_curves],
    "plot_losses": [without_pyplot, the_axes_and_a_tensor],
}
