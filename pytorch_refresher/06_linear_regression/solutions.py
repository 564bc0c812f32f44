"""Lesson 06: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def train_and_predict(
    model: nn.Module, heights: Tensor, weights: Tensor, unseen: Tensor, rate: float, epochs: int
) -> tuple[list[float], Tensor]:
    # Near 170, one step would land far outside the valley. Standardized, the valley is round.
    mean, std = heights.mean(), heights.std()
    inputs = (heights - mean) / std
    targets = weights.unsqueeze(1)  # (N, 1), or each prediction would be compared with everybody
    loss_function = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()  # first, because the model may come with old gradients
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    # The model knows heights only in the unit it was trained on, so the same mean and std again.
    with torch.no_grad():
        return losses, model((unseen - mean) / std)


def compare_optimizers(
    model: nn.Module, inputs: Tensor, targets: Tensor, rates: list[float], goal: float, limit: int
) -> dict[str, tuple[float, int]]:
    loss_function = nn.MSELoss()

    def steps_with(make_optimizer, rate: float) -> float:
        trained = copy.deepcopy(model)  # before the optimizer is made: it keeps what it is given
        optimizer = make_optimizer(trained.parameters(), lr=rate)
        for steps in range(limit + 1):
            optimizer.zero_grad()
            loss = loss_function(trained(inputs), targets)
            # `while loss > goal` would stop at NaN, because NaN > goal is False, too.
            if loss <= goal:
                return steps
            loss.backward()
            optimizer.step()
        return float("inf")  # more than any number of steps, so a failed rate is never the best

    fastest = {}
    for name, make_optimizer in (("SGD", torch.optim.SGD), ("Adam", torch.optim.Adam)):
        steps = [steps_with(make_optimizer, rate) for rate in rates]
        best = steps.index(min(steps))  # the first of them, if there are several
        fastest[name] = rates[best], steps[best]
    return fastest


def plot_losses(losses: list[float], tolerance: float):
    import matplotlib.pyplot as plt

    # A curve that swings may come close to its end and leave again. So look for the last loss that
    # is still far away: the epoch after it is the answer.
    last = losses[-1]
    far = [epoch for epoch, loss in enumerate(losses) if abs(loss - last) > tolerance * last]
    flat_from = far[-1] + 1 if far else 0

    figure, axes = plt.subplots()
    axes.plot(losses, "k")  # without x, the first loss is drawn at 0
    axes.axvline(flat_from)
    axes.set(xlabel="epoch", ylabel="loss")
    return figure, flat_from
