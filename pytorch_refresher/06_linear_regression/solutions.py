"""Lesson 06: one worked answer to each practice problem."""

import copy

import torch
from torch import Tensor, nn


def train(model: nn.Module, inputs: Tensor, targets: Tensor, optimizer, epochs: int) -> list[float]:
    loss_function, losses = nn.MSELoss(), []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predicted_weights(heights: Tensor, weights: Tensor, new_heights: Tensor) -> Tensor:
    mean, std = heights.mean(), heights.std()
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    train(model, (heights - mean) / std, weights, optimizer, epochs=200)
    # New heights in the unit that the model was trained on: the old mean and std.
    with torch.no_grad():
        return model((new_heights - mean) / std)


def compare_optimizers(
    model: nn.Module, inputs: Tensor, targets: Tensor, lr: float, epochs: int
) -> dict[str, list[float]]:
    losses = {}
    for name, kind in {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam}.items():
        trained = copy.deepcopy(model)
        optimizer = kind(trained.parameters(), lr=lr)
        losses[name] = train(trained, inputs, targets, optimizer, epochs)
    return losses


def loss_curves(losses: dict[str, list[float]]):
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots()
    for name, curve in losses.items():
        axis.plot(range(1, len(curve) + 1), curve, label=name)
    axis.set(xlabel="epoch", ylabel="loss", yscale="log")
    axis.legend()
    return figure
